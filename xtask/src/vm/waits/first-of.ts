import { CodedError } from '@workbench/run';
import type { Clock } from './clock.ts';

/** One look at something that is to become ready. */
export type Attempt<T> = { ready: T } | { notYet: string };

/** What is waited for, and against what. */
export interface Race<T, D extends Error> {
  /** Looked at again and again until it is ready. Must return soon after its signal is aborted. */
  ready: (signal: AbortSignal) => Promise<Attempt<T>>;
  /** Each resolves, if ever, to the error that ends the wait: no readiness can follow it. */
  dead: readonly Promise<D>[];
}

/** How long, how often, by which clock. */
export interface WaitOptions {
  /** What is waited for, as the end of "waited 120 s for …". */
  what: string;
  deadlineMs: number;
  /** Pause between two looks. */
  intervalMs: number;
  clock: Clock;
  /** Aborting it ends the wait. */
  signal?: AbortSignal;
  /** Told each time the reason why it is not ready changes. */
  onReason?: (why: string) => void;
}

/** The deadline passed. `lastReason` is what the last look said. */
export class DeadlineError extends CodedError {
  readonly lastReason: string;

  constructor(what: string, waitedMs: number, lastReason: string) {
    super('WAIT_DEADLINE', `waited ${Math.round(waitedMs / 1000)} s for ${what}; the last answer was: ${lastReason}`);
    this.name = 'DeadlineError';
    this.lastReason = lastReason;
  }
}

/**
 * Races readiness against every known death and a deadline; whichever is first ends the others.
 *
 * @returns what became ready.
 * @throws the error of the death that came first; DeadlineError; the reason of `signal` when it is aborted; and
 * whatever `ready` throws.
 */
export async function firstOf<T, D extends Error>(race: Race<T, D>, options: WaitOptions): Promise<T> {
  const { clock } = options;
  const over = new AbortController();
  const startedAt = clock.now();
  const endsAt = startedAt + options.deadlineMs;
  let lastReason = 'nothing yet';

  const becomesReady = async (): Promise<T> => {
    while (!over.signal.aborted) {
      const attempt = await race.ready(over.signal);
      if ('ready' in attempt) return attempt.ready;
      if (attempt.notYet !== lastReason) {
        lastReason = attempt.notYet;
        if (!over.signal.aborted) options.onReason?.(lastReason);
      }
      await clock.sleep(options.intervalMs, over.signal);
    }
    return never();
  };
  const dies = race.dead.map((death) =>
    death.then((error): never => {
      throw error;
    }),
  );
  const deadline = async (): Promise<never> => {
    await clock.sleep(options.deadlineMs, over.signal);
    if (over.signal.aborted && clock.now() < endsAt) return never();
    throw new DeadlineError(options.what, clock.now() - startedAt, lastReason);
  };
  const aborted = abortionOf(options.signal, over.signal);
  try {
    return await Promise.race([...dies, aborted, becomesReady(), deadline()]);
  } finally {
    over.abort();
  }
}

function abortionOf(signal: AbortSignal | undefined, until: AbortSignal): Promise<never> {
  if (signal === undefined) return never();
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: until });
  });
}

function never(): Promise<never> {
  return new Promise(() => {});
}
