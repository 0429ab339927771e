import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { defaultCell } from '../matrix/cell.ts';
import { type FakeGuest, fakeGuest, fastClock } from '../vm/fake-guest.ts';
import { provision } from './run-tmt.ts';

let guest: FakeGuest;
let printed: string[];
beforeEach(() => {
  guest = fakeGuest();
  printed = [];
  vi.stubEnv('PATH', guest.path);
  vi.stubEnv('TMPDIR', guest.folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(guest.folder, { recursive: true });
});

function provisionIt(): Promise<number> {
  const target = join(guest.folder, 'target');
  mkdirSync(target, { recursive: true });
  return provision({
    name: 'mine',
    image: 'localhost/bootc',
    filters: [],
    tests: [],
    cell: defaultCell,
    bcvkOptions: [],
    bcvk: guest.bcvk,
    contexts: {},
    environment: {},
    upgradeImage: undefined,
    preserveVm: true,
    snapshot: false,
    logDir: undefined,
    timeouts: { boot_seconds: 900 },
    retries: 0,
    parallel: undefined,
    signal: new AbortController().signal,
    print: (text) => printed.push(text),
    world: { target, runsRoot: join(target, 'runs'), tmt: 'tmt', clock: fastClock() },
  });
}

test('one VM is made and stays, with instructions that work', async () => {
  expect(await provisionIt()).toBe(0);
  expect(guest.state()).toBe('running');
  const key = join(guest.folder, 'target/mine.ssh-key');
  expect(existsSync(key)).toBe(true);
  expect(printed.join('\n')).toContain(`ssh -i ${key} -p 2222`);
  expect(printed.at(-1)).toBe(`remove it: ${guest.bcvk} libvirt rm --stop --force mine`);
  expect(guest.calls().some((call) => call.includes('bootc.owner'))).toBe(false);
});

test('a VM that does not boot stays to be looked into, and its last lines are shown', async () => {
  guest.console('Linux version 7\nKernel panic - not syncing: x\n');
  guest.onSsh('exit 255');
  await expect(provisionIt()).rejects.toMatchObject({ code: 'GUEST_PANIC' });
  expect(printed).toContain('  | Kernel panic - not syncing: x');
  expect(guest.state()).toBe('running');
});
