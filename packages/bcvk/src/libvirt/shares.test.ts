import { expect, test } from 'vitest';
import type { RunVmRequest } from './run-vm-request.ts';
import { planShares } from './shares.ts';

const none = { volumes: [], binds: [], readOnlyBinds: [], bindStorage: false, storagePath: '/storage' };

function planned(change: Partial<RunVmRequest>) {
  return planShares({ ...none, ...change } as unknown as RunVmRequest, '/vm/shares');
}

test('a VM without shares has none', async () => {
  expect(await planned({})).toEqual({ folders: [], mounts: [], readOnlyBinds: [] });
});

test('--volume is shared as it is, and nobody mounts it', async () => {
  expect(await planned({ volumes: [{ host: '/a', guest: 'tag' }] })).toEqual({
    folders: [{ folder: '/a', tag: 'tag' }],
    mounts: [],
    readOnlyBinds: [],
  });
});

test('--bind is mounted writable, --bind-ro read-only, of a view that is read-only here already', async () => {
  const binds = [
    { host: '/a', guest: '/mnt/a' },
    { host: '/b', guest: '/mnt/b' },
  ];
  expect(await planned({ binds, readOnlyBinds: [{ host: '/c', guest: '/mnt/c' }] })).toEqual({
    folders: [
      { folder: '/a', tag: 'bcvk-bind-0' },
      { folder: '/b', tag: 'bcvk-bind-1' },
      { folder: '/vm/shares/bcvk-bind-ro-0', tag: 'bcvk-bind-ro-0' },
    ],
    mounts: [
      { tag: 'bcvk-bind-0', guestPath: '/mnt/a', readOnly: false },
      { tag: 'bcvk-bind-1', guestPath: '/mnt/b', readOnly: false },
      { tag: 'bcvk-bind-ro-0', guestPath: '/mnt/c', readOnly: true },
    ],
    readOnlyBinds: [{ from: '/c', to: '/vm/shares/bcvk-bind-ro-0' }],
  });
});

test('--bind-storage-ro is the container storage of this machine where real bcvk has it, read-only', async () => {
  expect(await planned({ bindStorage: true })).toEqual({
    folders: [{ folder: '/vm/shares/hoststorage', tag: 'hoststorage' }],
    mounts: [{ tag: 'hoststorage', guestPath: '/run/host-container-storage', readOnly: true }],
    readOnlyBinds: [{ from: '/storage', to: '/vm/shares/hoststorage' }],
  });
});
