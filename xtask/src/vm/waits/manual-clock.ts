import type { Clock } from './clock.ts';

/**
 * A clock for tests that stands still while anything else can run: when all that is left to do is to sleep, it jumps to
 * the first sleeper. A wait of ten minutes takes a test microseconds, and always goes the same way.
 */
export function manualClock(): Clock {
  let now = 0;
  let sleepers: { at: number; wake: () => void }[] = [];
  let scheduled = false;
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (sleepers.length === 0) return;
      now = Math.max(now, Math.min(...sleepers.map(({ at }) => at)));
      const due = sleepers.filter(({ at }) => at <= now);
      sleepers = sleepers.filter(({ at }) => at > now);
      for (const { wake } of due) wake();
      if (sleepers.length > 0) schedule();
    });
  };
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) {
          resolve();
          return;
        }
        const sleeper = { at: now + ms, wake: () => resolve() };
        sleepers.push(sleeper);
        signal?.addEventListener('abort', () => {
          sleepers = sleepers.filter((other) => other !== sleeper);
          resolve();
        });
        schedule();
      }),
  };
}
