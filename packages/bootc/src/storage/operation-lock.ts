import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';

/** Where the lock of verbs that change the system is, relative to `/`. On tmpfs: it does not outlive a boot. */
const lockFile = { directory: 'run/bootc', name: 'operation.lock' } as const;

/**
 * Waits until no other verb changes the system, and keeps others waiting until disposed. A garbage collection must not
 * run while another process is between making a state folder and recording it as staged.
 *
 * The lock is an flock(2), which the kernel drops when this process ends in whatever way.
 */
export async function lockOperations(root: string, signal?: AbortSignal): Promise<Disposable> {
  const { lock } = await import('@workbench/composefs');
  const fd = openLockFile(root);
  try {
    await lock(fd, 'exclusive', signal);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return { [Symbol.dispose]: () => closeSync(fd) };
}

/** Takes the lock as {@link lockOperations} does if that needs no waiting; undefined while another verb holds it. */
export async function tryLockOperations(root: string): Promise<Disposable | undefined> {
  const { tryLock } = await import('@workbench/composefs');
  const fd = openLockFile(root);
  if (tryLock(fd, 'exclusive')) return { [Symbol.dispose]: () => closeSync(fd) };
  closeSync(fd);
  return undefined;
}

function openLockFile(root: string): number {
  const directory = join(root, lockFile.directory);
  mkdirSync(directory, { recursive: true });
  return openSync(join(directory, lockFile.name), 'a', 0o600);
}
