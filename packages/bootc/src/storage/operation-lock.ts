import { join } from 'node:path';
import { tellWaiting } from './tell-waiting.ts';

/** Where the lock of verbs that change the system is, relative to `/`. On tmpfs: it does not outlive a boot. */
const lockFile = 'run/bootc/operation.lock';

/**
 * Waits until no other verb changes the system, and keeps others waiting until disposed. A garbage collection must not
 * run while another process is between making a state folder and recording it as staged.
 *
 * The lock is an flock(2), which the kernel drops when this process ends in whatever way. Its file names the process and
 * its verb to those who wait: whoever has to wait says once, on standard error, for whom.
 *
 * @throws the signal's reason when it is aborted while it waits.
 */
export async function lockOperations(root: string, signal?: AbortSignal): Promise<Disposable> {
  const { lock } = await import('@workbench/run/flock');
  return await lock(join(root, lockFile), {
    holder: describeThisProcess(),
    timeoutMs: Number.POSITIVE_INFINITY,
    signal,
    onWait: (holder) => tellWaiting(`waiting for process ${holder}`),
  });
}

/** Takes the lock as {@link lockOperations} does if that needs no waiting; undefined while another verb holds it. */
export async function tryLockOperations(root: string): Promise<Disposable | undefined> {
  const { tryLock } = await import('@workbench/run/flock');
  return tryLock(join(root, lockFile), describeThisProcess());
}

// The command line that the kernel shows is the title of the process alone.
function describeThisProcess(): string {
  return ['bootc', ...process.argv.slice(2)].join(' ');
}
