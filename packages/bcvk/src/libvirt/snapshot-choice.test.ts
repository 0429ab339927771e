import { expect, test } from 'vitest';
import type { BaseDisk } from '../cache/base-disks.ts';
import type { Context } from '../context/context.ts';
import { parseLogDir } from './run-options.ts';
import type { RunVmRequest } from './run-vm-request.ts';
import { planLater } from './share-later.ts';
import { snapshotKey, snapshotObstacle } from './snapshot-choice.ts';
import type { VmParts } from './vm-parts.ts';

const request = {
  memoryMiB: 2048,
  cpus: 2,
  firmware: 'bios',
  hasTpm: false,
  graphicalConsole: false,
  firmwareLog: false,
  bindStorage: false,
  transient: false,
  diskEditor: undefined,
  volumes: [],
  binds: [],
  readOnlyBinds: [],
  ports: [],
  labels: ['a=1'],
  name: 'one',
  logs: parseLogDir('journal,console=/one'),
} as unknown as RunVmRequest;

const none = planLater({ folders: [], mounts: [], readOnlyBinds: [] });

function partsOf(change: Partial<RunVmRequest> = {}, key = '1', processorLevel = 2): VmParts {
  const baseDisk = { key, record: { processorLevel } } as BaseDisk;
  const context = {} as Context;
  return { request: { ...request, ...change }, baseDisk, accel: 'tcg', context } as VmParts;
}

test('VMs that differ in what is their own alone have one snapshot', () => {
  const key = snapshotKey(partsOf(), 'v1', none);
  expect(key).toMatch(/^[0-9a-f]{16}$/);
  const other: Partial<RunVmRequest> = {
    name: 'two',
    labels: [],
    ports: [{ hostPort: 8080, guestPort: 80 }],
    logs: parseLogDir('journal,console=/two'),
  };
  expect(snapshotKey(partsOf(other), 'v1', none)).toBe(key);
});

test.each([
  ['base disk', partsOf({}, '2'), 'v1'],
  ['emulated processor', partsOf({}, '1', 3), 'v1'],
  ['version', partsOf(), 'v2'],
  ['memory', partsOf({ memoryMiB: 4096 }), 'v1'],
  ['streams', partsOf({ logs: parseLogDir('console=/one') }), 'v1'],
  ['debug port', partsOf({ firmwareLog: true }), 'v1'],
])('another %s is another snapshot', (_what, parts, versions) => {
  expect(snapshotKey(parts, versions, none)).not.toBe(snapshotKey(partsOf(), 'v1', none));
});

test.each<[string, Partial<RunVmRequest>]>([
  ['edited', { diskEditor: '/bin/x' }],
  ['transient', { transient: true }],
  ['Secure Boot', { firmware: 'uefi-secure' }],
  ['TPM', { hasTpm: true }],
  ['graphical', { graphicalConsole: true }],
  ['more than 4', { bindStorage: true, volumes: Array(4).fill({ host: '/', guest: 'root' }) }],
])('what cannot have a snapshot says why: %s', (why, change) => {
  expect(snapshotObstacle({ ...request, ...change }, 'tcg')).toContain(why);
});

test('a plain VM can, where it is emulated', () => {
  expect(snapshotObstacle(request, 'tcg')).toBeUndefined();
  expect(snapshotObstacle(request, 'kvm')).toContain('KVM');
});

test('folders of the host come later, each where the guest was told', () => {
  const { atBoot, shares } = planLater({
    folders: [
      { folder: '/a', tag: 'raw' },
      { folder: '/vm/shares/hoststorage', tag: 'hoststorage' },
    ],
    mounts: [{ tag: 'hoststorage', guestPath: '/run/a-b', readOnly: true }],
    readOnlyBinds: [],
  });
  const device = '/sys/devices/pci0000:00/0000:00:15.0/0000:*/virtio*';
  expect(atBoot).toMatchObject({ folders: [], mounts: [{ tag: 'hoststorage', onlyWith: device }] });
  expect(shares).toEqual([
    { folder: '/a', tag: 'raw', device: device.replace('15', '14') },
    { folder: '/vm/shares/hoststorage', tag: 'hoststorage', device, unit: 'run-a\\x2db.mount' },
  ]);
  expect(snapshotKey(partsOf(), 'v1', { atBoot, shares })).not.toBe(snapshotKey(partsOf(), 'v1', none));
});
