import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import koffi from 'koffi';
import { CodedError } from './coded-error.ts';

const exclusive = 2;
const withoutWaiting = 4;
/** EWOULDBLOCK, which flock(2) gives for a lock that another open file holds. */
const heldElsewhere = 11;
const retryMs = 250;

let flockOfLibc: ((fd: number, operation: number) => number) | undefined;

/** A lock that this process holds. It ends when it is disposed, and with the process however that ends. */
export interface HeldLock extends Disposable {
  readonly path: string;
}

/**
 * Takes an exclusive flock(2) lock on a file if nobody holds it; undefined otherwise. The file is made if needed, never
 * removed (a waiter may have it open), and names its holder for people who wait. Because the kernel drops the lock with
 * the last descriptor, a killed process cannot leave one behind.
 */
export function tryLock(path: string, holder: string): HeldLock | undefined {
  mkdirSync(dirname(path), { recursive: true });
  const fd = openSync(path, 'a+', 0o600);
  flockOfLibc ??= koffi.load('libc.so.6').func('int flock(int fd, int operation)');
  if (flockOfLibc(fd, exclusive | withoutWaiting) !== 0) {
    const errno = koffi.errno();
    closeSync(fd);
    if (errno === heldElsewhere) return undefined;
    throw new CodedError('LOCK_FAILED', `cannot lock ${path} (errno ${errno})`, {
      hint: 'is it on a file system without locks?',
    });
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid} ${holder}\n`);
  return { path, [Symbol.dispose]: () => closeSync(fd) };
}

/** How {@link lock} waits. */
export interface LockOptions {
  /** What the lock is held for; waiters see it. */
  holder: string;
  /** Called once, when the lock is found taken, with the holder's process id and purpose. */
  onWait?: (holder: string) => void;
  timeoutMs?: number;
  /** Ends the waiting. */
  signal?: AbortSignal | undefined;
}

/**
 * Takes an exclusive lock, waiting for whoever has it.
 *
 * @throws CodedError LOCK_TIMEOUT, naming the holder, when it is not free in time (default: 30 minutes); LOCK_FAILED; the signal's
 * reason when it is aborted while it waits.
 */
export async function lock(path: string, options: LockOptions): Promise<HeldLock> {
  const deadline = performance.now() + (options.timeoutMs ?? 1_800_000);
  let told = false;
  for (;;) {
    const held = tryLock(path, options.holder);
    if (held !== undefined) return held;
    const holder = readFileSync(path, 'utf8').trim();
    if (!told) options.onWait?.(holder);
    told = true;
    if (performance.now() > deadline) {
      throw new CodedError('LOCK_TIMEOUT', `${path} is still held by process ${holder}`, {
        hint: 'wait for it, or stop that process',
      });
    }
    const { signal } = options;
    await delay(retryMs, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
  }
}
