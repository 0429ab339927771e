import { setTimeout as sleep } from 'node:timers/promises';
import { callLibc, isSystemError } from './libc.ts';

export type LockKind = 'shared' | 'exclusive';

// sys/file.h
const operations = { shared: 1, exclusive: 2, unlock: 8 };
const nonBlocking = 4;

const firstWaitMs = 1;
const longestWaitMs = 50;

/**
 * Takes the advisory lock of an open file or directory (flock(2)), or turns the one held into the other kind; the kernel
 * drops it when the last copy of the descriptor is closed. Turning is not atomic: another process may come between.
 *
 * It waits as long as another holds the lock. It asks again, ever less often up to every 50 ms, instead of blocking a thread: a
 * thread that is blocked in flock cannot be called off, and Node does not exit before it returns.
 *
 * @throws the signal's reason when aborted; the lock is not held then, and a former one may be lost.
 */
export async function lock(fd: number, kind: LockKind, signal?: AbortSignal): Promise<void> {
  for (let waitMs = firstWaitMs; !tryLock(fd, kind); waitMs = Math.min(waitMs * 2, longestWaitMs)) {
    await sleep(waitMs, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
  }
}

/** Takes the lock as {@link lock} does if that needs no waiting, and says whether it did. */
export function tryLock(fd: number, kind: LockKind): boolean {
  try {
    callLibc('flock', [fd, operations[kind] | nonBlocking], { syscall: 'flock', path: `fd ${fd}` });
    return true;
  } catch (error) {
    if (isSystemError(error, 'EAGAIN')) return false;
    throw error;
  }
}

/** Drops the lock of an open file or directory. */
export function unlock(fd: number): void {
  callLibc('flock', [fd, operations.unlock], { syscall: 'flock', path: `fd ${fd}` });
}
