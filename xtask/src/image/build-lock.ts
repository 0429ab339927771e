import { join } from 'node:path';
import { lock } from '@workbench/run/flock';
import { workspace } from '../settings/workspace.ts';
import { note } from '../steps/step.ts';

/** The file in target/ that whoever uses {@link withBuildFolders} holds. It stays: a waiter may have it open. */
export const buildLockName = 'build.lock';

/**
 * Does `work` while no other process of this checkout uses `target/guest` and the build context: a build in another terminal
 * is waited for, however long it takes, and named. The kernel takes the lock from a process that ends in any way.
 *
 * @param purpose what the folders are used for; those who wait read it.
 * @param options `target` is the folder that the lock lies in, by default that of this checkout.
 * @throws the reason of the abort signal, also while it waits; CodedError LOCK_FAILED; whatever `work` throws.
 */
export async function withBuildFolders<T>(
  purpose: string,
  work: () => Promise<T>,
  { signal, target = workspace.target }: { signal: AbortSignal; target?: string },
): Promise<T> {
  signal.throwIfAborted();
  using _held = await lock(join(target, buildLockName), {
    holder: purpose,
    timeoutMs: Number.POSITIVE_INFINITY,
    signal,
    onWait: (holder) => note(`waiting for process ${holder}`),
  });
  return await work();
}
