import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { measureSharing } from './measure-sharing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'sharing-' });
const mount = join(folder.name, 'mount');
const call = (argv: readonly [string, ...string[]], step: string) => run(argv, { step });
afterAll(async () => {
  await run(['umount', mount], { step: 'unmount', okExitCodes: [0, 1, 32] });
  folder.removeCallback();
});

test.each([
  { filesystem: 'btrfs', reflinks: true, mkfs: ['mkfs.btrfs', '-q'] as const },
  { filesystem: 'xfs', reflinks: true, mkfs: ['mkfs.xfs', '-q'] as const },
  { filesystem: 'ext4', reflinks: false, mkfs: ['mkfs.ext4', '-q'] as const },
])('what objects share by link and by reflink is counted on $filesystem', async ({ filesystem, reflinks, mkfs }) => {
  const disk = join(folder.name, `${filesystem}.img`);
  await call(['truncate', '--size=400M', disk], 'make a disk');
  await call([...mkfs, disk], `make ${filesystem}`);
  mkdirSync(mount, { recursive: true });
  await call(['mount', '-o', 'loop', disk, mount], 'mount it');
  const outside = join(mount, 'outside');
  const objects = join(mount, 'objects/00');
  for (const path of [outside, objects, join(mount, 'objects/.tmp')]) mkdirSync(path, { recursive: true });
  for (const [name, size] of [
    ['own', 100_000],
    ['linked', 200_000],
    ['cloned', 400_000],
  ] as const) {
    writeFileSync(join(name === 'own' ? objects : outside, name), Buffer.alloc(size, 1));
  }
  linkSync(join(outside, 'linked'), join(objects, 'linked'));
  const clone = reflinks ? '--reflink=always' : '--reflink=never';
  await call(['cp', clone, join(outside, 'cloned'), join(objects, 'cloned')], 'clone a file');
  await call(['sync', '--file-system', mount], 'sync');

  expect(measureSharing(mount)).toEqual({
    objects: 3,
    bytes: 700_000,
    hardlinkedBytes: 200_000,
    reflinkedBytes: reflinks ? 400_000 : 0,
  });
  await call(['umount', mount], 'unmount');
});
