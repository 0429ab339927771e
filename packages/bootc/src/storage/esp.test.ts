import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type BlockDevice, disksHolding, findEspPartition, parseLsblk } from './block-devices.ts';
import { espOfSysroot } from './esp.ts';
import type { Mount } from './mount-table.ts';

function device(name: string, fields: Partial<BlockDevice> = {}): BlockDevice {
  return {
    name,
    path: `/dev/${name}`,
    type: 'part',
    size: 1,
    serial: null,
    model: null,
    label: null,
    fstype: null,
    uuid: null,
    pttype: null,
    partlabel: null,
    parttype: null,
    partuuid: null,
    start: null,
    'maj:min': `8:${name.length}${name.charCodeAt(name.length - 1)}`,
    ...fields,
  };
}

function sysroot(fields: Partial<Mount>): Mount {
  return {
    device: '0:0',
    rootInFilesystem: '/',
    mountPoint: '/sysroot',
    options: [],
    filesystem: 'ext4',
    source: '',
    ...fields,
  };
}

const espType = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';

test('the ESP of the disk that /sysroot is on, not that of another disk', () => {
  const volume = device('root-lv', { type: 'lvm', 'maj:min': '253:0', path: '/dev/mapper/vg-root' });
  const devices = [
    device('sda', { type: 'disk', children: [device('sda1', { parttype: espType })] }),
    device('sdb', {
      type: 'disk',
      children: [device('sdb1', { parttype: espType }), device('sdb2', { children: [volume] })],
    }),
  ];
  expect(espOfSysroot(devices, sysroot({ device: '253:0' })).name).toBe('sdb1');
  expect(espOfSysroot(devices, sysroot({ device: '0:31', source: '/dev/mapper/vg-root' })).name).toBe('sdb1');
});

test('of several disks below /sysroot the first that has one', () => {
  const volume = device('lv', { type: 'lvm', 'maj:min': '253:0' });
  const devices = [
    device('sda', { type: 'disk', children: [device('sda1', { children: [volume] })] }),
    device('sdb', {
      type: 'disk',
      children: [device('sdb1', { children: [volume] }), device('sdb2', { parttype: '0xef' })],
    }),
  ];
  expect(espOfSysroot(devices, sysroot({ device: '253:0' })).name).toBe('sdb2');
});

test('none is an error that names the ESP and the disks', () => {
  const devices = [device('sda', { type: 'disk', children: [device('sda1', { 'maj:min': '8:1' })] })];
  expect(() => espOfSysroot(devices, sysroot({ device: '8:1' }))).toThrow('(ESP) found: none on /dev/sda');
  expect(() => espOfSysroot([], sysroot({ source: '/dev/vdz' }))).toThrow('no disk holds /dev/vdz');
});

const fixtures = new URL('../../fixtures', import.meta.url).pathname;

test.each(readdirSync(fixtures).filter((name) => name.startsWith('peer-')))('what lsblk printed on %s', (name) => {
  const devices = parseLsblk(readFileSync(join(fixtures, name, 'lsblk.json'), 'utf8'));
  const disk = devices.find((candidate) => candidate.type === 'disk')!;
  expect(findEspPartition(disk)?.partlabel).toBe('EFI-SYSTEM');
  expect(disksHolding(devices, '/dev/nowhere')).toEqual([]);
});
