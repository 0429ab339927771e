import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { workspace } from '../settings/workspace.ts';
import { BcvkClient } from './bcvk-client.ts';

// libvirt's driver for tests has a domain that runs, called test (https://libvirt.org/drvtest.html).
beforeEach(() => vi.stubEnv('LIBVIRT_DEFAULT_URI', 'test:///default'));
afterEach(() => vi.unstubAllEnvs());

test('the state of a VM is that of virsh, without a call of bcvk; what virsh does not know, bcvk is asked for', async () => {
  const signal = new AbortController().signal;
  const none = new BcvkClient({ argv: ['/no/such/bcvk'], kind: 'file', why: 'test' });
  expect(await none.domain('test', signal)).toEqual({ state: 'running' });
  expect(await none.domain('nothing', signal)).toEqual({ unknown: expect.stringContaining('/no/such/bcvk') });
  const bundled = new BcvkClient({ argv: [process.execPath, workspace.bundledBcvk], kind: 'bundled', why: 'test' });
  expect(await bundled.domain('nothing', signal)).toEqual({ unknown: 'bcvk knows no VM nothing' });
});
