import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { workspaceRoot } from './settings/workspace.ts';
import { type FakeGuest, fakeGuest } from './vm/fake-guest.ts';

let guest: FakeGuest;
beforeEach(() => {
  guest = fakeGuest();
  // It is only looked for.
  guest.program('tmt', 'exit 1\n');
});
afterEach(() => rmSync(guest.folder, { recursive: true }));

function startXtask(args: string[], stdio: StdioOptions = 'ignore'): ChildProcess {
  const env = { ...process.env, PATH: guest.path, BOOTC_bcvk: guest.bcvk, TMT_LOG_DIR: join(guest.folder, 'runs') };
  return spawn(process.execPath, [join(workspaceRoot, 'xtask/src/main.ts'), ...args], { env, stdio });
}

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s while a VM is made: nothing is left of it', async (signal, status) => {
  guest.onLaunch('touch "$folder/launched"; exec sleep 60');
  const xtask = startXtask(['tmt-provision', 'localhost/bootc']);
  const ended = once(xtask, 'exit');
  await vi.waitUntil(() => existsSync(join(guest.folder, 'launched')), { timeout: 20_000 });
  expect(guest.state()).toBe('running');
  xtask.kill(signal);
  // A shell hands the hang-up on to its jobs, which have it from the kernel already.
  if (signal === 'SIGHUP') xtask.kill(signal);
  expect(await ended).toEqual([status, null]);
  expect(guest.state()).toBeUndefined();
});

test('whoever reads its output goes away: it stops, and ends its run', async () => {
  guest.onSsh('touch "$folder/booting"; exit 255');
  const xtask = startXtask(['tmt-provision', 'localhost/bootc'], ['ignore', 'ignore', 'pipe']);
  xtask.stderr?.destroy();
  expect(await once(xtask, 'exit')).toEqual([141, null]);
  expect(guest.state()).toBeUndefined();
});
