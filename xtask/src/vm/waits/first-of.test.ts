import { expect, test } from 'vitest';
import { DeadlineError, firstOf, type WaitOptions } from './first-of.ts';
import { manualClock } from './manual-clock.ts';

function options(change: Partial<WaitOptions> = {}): WaitOptions {
  return { what: 'ssh', deadlineMs: 120_000, intervalMs: 1000, clock: manualClock(), ...change };
}

const undying: Promise<Error> = new Promise(() => {});

test('readiness is looked for again and again, and each new reason is told once', async () => {
  const answers = ['refused', 'refused', 'reset'];
  const reasons: string[] = [];
  const settings = options({ onReason: (why) => reasons.push(why) });
  const ready = await firstOf(
    {
      ready: async () => {
        const why = answers.shift();
        return why === undefined ? { ready: 22 } : { notYet: why };
      },
      dead: [undying],
    },
    settings,
  );
  expect(ready).toBe(22);
  expect(reasons).toEqual(['refused', 'reset']);
  expect(settings.clock.now()).toBe(3000);
});

test('the deadline keeps the last reason', async () => {
  const error = await firstOf(
    { ready: async () => ({ notYet: 'connection refused' }), dead: [undying] },
    options({ deadlineMs: 300_000 }),
  ).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DeadlineError);
  expect(error).toMatchObject({ message: 'waited 300 s for ssh; the last answer was: connection refused' });
});

test('a death ends the wait at once, also while a look hangs', async () => {
  const clock = manualClock();
  const panic = new Error('panic');
  const dead = clock.sleep(1500).then(() => panic);
  let lookEnded = false;
  const wait = firstOf(
    {
      ready: (signal) =>
        new Promise((resolve) =>
          signal.addEventListener('abort', () => {
            lookEnded = true;
            resolve({ notYet: 'stopped' });
          }),
        ),
      dead: [dead],
    },
    options({ clock }),
  );
  await expect(wait).rejects.toBe(panic);
  expect(clock.now()).toBe(1500);
  expect(lookEnded).toBe(true);
});

test('a death that was there before wins over readiness', async () => {
  const gone = new Error('gone');
  const wait = firstOf({ ready: async () => ({ ready: 1 }), dead: [Promise.resolve(gone)] }, options());
  await expect(wait).rejects.toBe(gone);
});

test('an abort ends the wait with its reason', async () => {
  const controller = new AbortController();
  const wait = firstOf(
    { ready: async () => ({ notYet: 'no' }), dead: [undying] },
    options({ signal: controller.signal, clock: { now: () => 0, sleep: () => new Promise(() => {}) } }),
  );
  controller.abort('Ctrl-C');
  await expect(wait).rejects.toBe('Ctrl-C');
});

test('a bug in a look is not taken for "not yet"', async () => {
  const wait = firstOf({ ready: () => Promise.reject(new TypeError('x')), dead: [undying] }, options());
  await expect(wait).rejects.toBeInstanceOf(TypeError);
});
