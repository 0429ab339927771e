import { expect, test } from 'vitest';
import { type SshProbe, waitForSsh } from './ssh-wait.ts';

/** A guest on a clock of its own; each pause lets time pass. */
function fakeGuest(at: { loginMs?: number; stopMs?: number; console?: [number, string][] }): SshProbe {
  let ms = 0;
  return {
    tryLogin: async () => (ms >= (at.loginMs ?? Number.POSITIVE_INFINITY) ? undefined : 'ECONNREFUSED'),
    state: async () => (ms >= (at.stopMs ?? Number.POSITIVE_INFINITY) ? 'shut off' : 'running'),
    consoleText: () =>
      (at.console ?? [])
        .filter(([when]) => when <= ms)
        .map(([, line]) => line)
        .join('\n'),
    now: () => ms,
    pause: async (more) => {
      ms += more;
    },
  };
}

const deadlines = { deadlineMs: 100_000, afterBootMs: 20_000 };
const failure = (probe: SshProbe) => waitForSsh('vm', probe, deadlines).catch((error: unknown) => error);

test('a slow guest is waited for, and each try says why', async () => {
  const probe = fakeGuest({ loginMs: 4000 });
  const reasons = new Set<string>();
  await waitForSsh('vm', probe, { ...deadlines, onTry: (why) => reasons.add(why) });
  expect([...reasons]).toEqual(['ECONNREFUSED']);
  expect(probe.now()).toBe(6000);
});

test('while the console shows that the guest boots, few logins are tried; when it is up, many', async () => {
  const probe = fakeGuest({
    loginMs: 21_000,
    console: [
      [100, 'BdsDxe: starting'],
      [20_000, '[  OK  ] Started ssh.service - OpenBSD Secure Shell server.'],
    ],
  });
  let tries = 0;
  const tryLogin = () => {
    tries += 1;
    return probe.tryLogin();
  };
  await waitForSsh('vm', { ...probe, tryLogin }, deadlines);
  expect(probe.now()).toBe(21_000);
  expect(tries).toBe(6);
});

test('a guest that stops is noticed at once, with its last words', async () => {
  const error = await failure(fakeGuest({ stopMs: 3000, console: [[2000, 'reboot: Power down']] }));
  expect(error).toMatchObject({
    code: 'VM_STOPPED',
    message: 'VM vm is not running any more (shut off)\n  | reboot: Power down',
  });
});

test('a panic is noticed at once', async () => {
  const probe = fakeGuest({ console: [[5000, '[    5.0] Kernel panic - not syncing: no init']] });
  expect(await failure(probe)).toMatchObject({ code: 'GUEST_PANIC' });
  expect(probe.now()).toBe(5000);
});

test('the deadline gives the last reason', async () => {
  expect(await failure(fakeGuest({}))).toMatchObject({
    code: 'SSH_TIMEOUT',
    message: 'no login to vm in 101 s: ECONNREFUSED',
  });
});

test('a guest that is up without ssh is given up early, and its console says why', async () => {
  const probe = fakeGuest({
    console: [
      [9000, '[FAILED] Failed to start ssh.service - OpenBSD Secure Shell server.'],
      [10_000, 'localhost login: '],
    ],
  });
  expect(await failure(probe)).toMatchObject({
    code: 'SSH_TIMEOUT',
    hint: 'Failed to start ssh.service - OpenBSD Secure Shell server.',
  });
  expect(probe.now()).toBe(30_500);
});
