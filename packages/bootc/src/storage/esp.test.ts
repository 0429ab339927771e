import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type BlockDevice, disksHolding, listEspPartitions, parseLsblk } from './block-devices.ts';
import { espOfSysroot, mountEspIfPossible } from './esp.ts';
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

test('of several the one that the boot loader was started from, which has the entries', () => {
  const volume = device('lv', { type: 'lvm', 'maj:min': '253:0' });
  const disk = (name: string, partuuid: string, children: BlockDevice[]) =>
    device(name, { type: 'disk', children: [device(`${name}1`, { parttype: espType, partuuid }), ...children] });
  const holding = (name: string) => [device(name, { children: [volume] })];
  const devices = [disk('sda', 'aa-1', holding('sda2')), disk('sdb', 'bb-2', holding('sdb2')), disk('sdc', 'cc-3', [])];
  const esp = (startedFrom: string | undefined) =>
    espOfSysroot(devices, sysroot({ device: '253:0' }), startedFrom).name;
  expect(esp('bb-2')).toBe('sdb1');
  expect(esp(undefined)).toBe('sda1');
  // A stick that is there to start the machine from is no place for its kernels, as long as there is another one.
  expect(esp('cc-3')).toBe('sda1');
  const onlyElsewhere = [device('sdb', { type: 'disk', children: holding('sdb2') }), disk('sdc', 'CC-3', [])];
  expect(espOfSysroot(onlyElsewhere, sysroot({ device: '253:0' }), 'cc-3').name).toBe('sdc1');
});

test('none is an error that names the ESP and the disks', () => {
  const devices = [device('sda', { type: 'disk', children: [device('sda1', { 'maj:min': '8:1' })] })];
  expect(() => espOfSysroot(devices, sysroot({ device: '8:1' }))).toThrow('(ESP) found: none on /dev/sda');
  expect(() => espOfSysroot([], sysroot({ source: '/dev/vdz' }))).toThrow('no disk holds /dev/vdz');
});

test('who tells what there is gets an empty folder instead, and the problem', async () => {
  const { problems } = await mountEspIfPossible([]);
  expect(problems).toEqual(['/sysroot is not a mount point']);
});

const fixtures = new URL('../../fixtures', import.meta.url).pathname;

test.each(readdirSync(fixtures).filter((name) => name.startsWith('peer-')))('what lsblk printed on %s', (name) => {
  const devices = parseLsblk(readFileSync(join(fixtures, name, 'lsblk.json'), 'utf8'));
  const disk = devices.find((candidate) => candidate.type === 'disk')!;
  expect(listEspPartitions(disk).map(({ partlabel }) => partlabel)).toEqual(['EFI-SYSTEM']);
  expect(disksHolding(devices, '/dev/nowhere')).toEqual([]);
});
