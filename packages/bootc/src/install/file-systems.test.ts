import { expect, test } from 'vitest';
import { mkfsEspCommand, mkfsRootCommand } from './file-systems.ts';

const uuid = '7d444840-9dc0-41d1-b245-5ffdce74fad2';

test.each([
  ['ext4', false, `mkfs.ext4 -U ${uuid} -L root -O verity /dev/vdb3`],
  ['ext4', true, `mkfs.ext4 -U ${uuid} -L root -O verity /dev/vdb3`],
  ['xfs', false, `mkfs.xfs -m uuid=${uuid} -L root /dev/vdb3`],
  ['xfs', true, `mkfs.xfs -f -m uuid=${uuid} -L root /dev/vdb3`],
  ['btrfs', false, `mkfs.btrfs -U ${uuid} -L root /dev/vdb3`],
  ['btrfs', true, `mkfs.btrfs -f -U ${uuid} -L root /dev/vdb3`],
] as const)('%s root, overwriting %s', (filesystem, overwrite, command) => {
  expect(mkfsRootCommand(filesystem, { device: '/dev/vdb3', uuid, overwrite }).join(' ')).toBe(command);
});

test('EFI system partition', () => {
  expect(mkfsEspCommand('/dev/vdb2').join(' ')).toBe('mkfs.fat /dev/vdb2 -n EFI-SYSTEM');
});
