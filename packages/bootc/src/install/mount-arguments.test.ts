import { describe, expect, test } from 'vitest';
import { installedKernelArguments } from './installed-kernel-arguments.ts';
import { findBootMount, mountArguments, rootArguments, rootArgumentsOfCommandLine } from './mount-arguments.ts';

const uuid = '7d444840-9dc0-41d1-b245-5ffdce74fad2';
const bootUuid = 'aaaabbbb-9dc0-41d1-b245-5ffdce74fad2';

describe('root', () => {
  test.each([
    ['by its UUID', undefined, { uuid }, { rootSpec: `UUID=${uuid}`, root: [] }],
    [
      'with its subvolume',
      undefined,
      { uuid, subvolume: '/@' },
      { rootSpec: `UUID=${uuid}`, root: ['rootflags=subvol=/@'] },
    ],
    ['as is asked for', 'LABEL=root', { uuid }, { rootSpec: 'LABEL=root', root: [] }],
    ['not at all', '', { uuid, subvolume: '/@' }, { root: [] }],
  ])('%s', (_, asked, found, expected) => {
    expect(rootArguments(asked, found)).toEqual(expected);
  });

  test('as the running system finds it', () => {
    const line = 'BOOT_IMAGE=/vmlinuz root=/dev/mapper/a-b ro rootflags=subvol=x rd.luks.uuid=1 rd.lvm.lv=a/b quiet';
    expect(rootArgumentsOfCommandLine(line)).toEqual({
      rootSpec: '/dev/mapper/a-b',
      root: ['rootflags=subvol=x', 'rd.luks.uuid=1', 'rd.lvm.lv=a/b'],
    });
    expect(rootArgumentsOfCommandLine('rw composefs=x rd.shell')).toBeUndefined();
  });
});

describe('boot', () => {
  const fstab = `# comment\nUUID=${uuid} / ext4 defaults 0 1\nUUID=${bootUuid}\t/boot xfs rw,noatime 0 2\n`;
  test.each([
    ['as is asked for', 'LABEL=boot', fstab, { source: 'LABEL=boot', filesystem: 'auto', options: [] }],
    ['not at all', '', fstab, undefined],
    ['as fstab says', undefined, fstab, { source: `UUID=${bootUuid}`, filesystem: 'xfs', options: ['rw', 'noatime'] }],
    [
      'as it is mounted',
      undefined,
      'LABEL=boot /boot xfs',
      { source: `UUID=${uuid}`, filesystem: 'auto', options: [] },
    ],
  ])('%s', (_, asked, text, expected) => {
    expect(findBootMount({ asked, fstab: text, mountedUuid: uuid })).toEqual(expected);
  });

  test('nothing is mounted there', () => {
    expect(findBootMount({ asked: undefined, fstab: undefined, mountedUuid: undefined })).toBeUndefined();
  });
});

test('in the order in which they always were', () => {
  const boot = { source: 'UUID=b', filesystem: 'xfs', options: ['rw', 'noatime'] };
  const args = installedKernelArguments({
    rootSpec: 'UUID=r',
    mounts: mountArguments({ rootSpec: 'UUID=r', root: ['rootflags=subvol=/@'] }, boot),
    configuration: [],
    commandLine: ['quiet'],
    deletes: [],
    isSelinuxDisabled: false,
    composefs: { deploymentId: 'ab', isMissingVerityAllowed: false },
    image: ['console=ttyS0'],
  });
  expect(args.join(' ')).toBe(
    'root=UUID=r rootflags=subvol=/@ rw boot=UUID=b quiet composefs=ab systemd.mount-extra=UUID=b:/boot:xfs:noatime,ro console=ttyS0',
  );
});
