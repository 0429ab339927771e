import { expect, test } from 'vitest';
import { assertOverwritable, type BlockDevice, lsblkCommand, parseLsblk, wipeCommands } from './block-device.ts';

const json = JSON.stringify({
  blockdevices: [
    {
      path: '/dev/vdb',
      size: 6442450944,
      type: 'disk',
      ro: false,
      model: 'QEMU DISK  ',
      serial: 'output',
      mountpoints: [null],
      children: [
        { path: '/dev/vdb1', size: 1048576, type: 'part', ro: false, model: null, serial: null, mountpoints: [null] },
        { path: '/dev/vdb2', size: 5e9, type: 'part', ro: false, mountpoints: ['/var', '/sysroot'] },
      ],
    },
  ],
});

test('reads lsblk', () => {
  expect(parseLsblk(json)).toMatchObject({
    path: '/dev/vdb',
    sizeBytes: 6442450944,
    model: 'QEMU DISK',
    serial: 'output',
    mountPoints: [],
    children: [{ path: '/dev/vdb1' }, { path: '/dev/vdb2', mountPoints: ['/var', '/sysroot'] }],
  });
});

test('a flat list, in which partitions are not those of a disk, is not taken for a disk without any', () => {
  const { blockdevices } = JSON.parse(json);
  const flat = JSON.stringify({ blockdevices: [...blockdevices, ...blockdevices[0].children] });
  expect(() => parseLsblk(flat)).toThrow('one device with all that is on it');
  expect(lsblkCommand('/dev/vdb').join(' ')).toContain('--output NAME,');
});

test('a disk with something mounted is refused, --wipe or not', () => {
  expect(() => assertOverwritable(parseLsblk(json), { wipe: true })).toThrow(
    '/dev/vdb is in use: /dev/vdb2 on /var, /dev/vdb2 on /sysroot',
  );
});

test('partitions need --wipe', () => {
  const disk: BlockDevice = { ...parseLsblk(json), children: parseLsblk(json).children.slice(0, 1) };
  expect(() => assertOverwritable(disk, { wipe: false })).toThrow(
    'Detected existing partitions on /dev/vdb: /dev/vdb1',
  );
  expect(() => assertOverwritable(disk, { wipe: true })).not.toThrow();
  expect(() => assertOverwritable({ ...disk, isReadOnly: true }, { wipe: true })).toThrow('is read-only');
  expect(wipeCommands(disk)).toEqual([
    ['wipefs', '-a', '/dev/vdb1'],
    ['wipefs', '-a', '/dev/vdb'],
  ]);
});
