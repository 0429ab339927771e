import { CommandError } from '@workbench/run';
import { expect, test } from 'vitest';
import { fastClock } from '../vm/fake-guest.ts';
import { GuestDeath } from '../vm/guest-death.ts';
import { type RebootOptions, rebootGuest } from './reboot.ts';

const lost = () => new CommandError('ssh exited with 255', { failure: 'exit', exitCode: 255 });

/** A guest that gives these answers, one for each question for its boot id; the last one again and again. */
function guestWith(answers: (string | 'lost')[], died: Promise<GuestDeath> = new Promise(() => {})): RebootOptions {
  return {
    session: {
      script: async (text) => {
        if (text.startsWith('systemctl')) throw lost();
        const answer = answers.length > 1 ? answers.shift() : answers[0];
        if (answer === undefined || answer === 'lost') throw lost();
        return { stdout: `${answer}\n`, stderr: '', exitCode: 0, durationMs: 0 };
      },
      close: async () => {},
    },
    monitor: {
      died,
      phase: 'kernel',
      describeDeath: (code, what, details) => death(code, `${what}: ${details.evidence}`),
    },
    deadlineMs: 20_000,
    clock: fastClock(1000),
    signal: new AbortController().signal,
  };
}

function death(code: string, message: string): GuestDeath {
  return new GuestDeath(code, message, { class: 'product', phase: 'kernel', evidence: '', consoleTail: [] });
}

test('a guest is back when it names another boot', async () => {
  expect(await rebootGuest(guestWith(['one', 'one', 'lost', 'two']))).toBe('two');
});

test('a guest that answers with the old boot has not rebooted', async () => {
  await expect(rebootGuest(guestWith(['one']))).rejects.toMatchObject({
    code: 'GUEST_NOT_REBOOTED',
    message: 'did not come back from a reboot: the old system still answers; the guest is in phase kernel',
  });
});

test('a guest that dies on the way is not waited for', async () => {
  const died = Promise.resolve(death('GUEST_PANIC', 'kernel panicked'));
  await expect(rebootGuest(guestWith(['one', 'lost'], died))).rejects.toMatchObject({ code: 'GUEST_PANIC' });
});
