import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@workbench/run';
import type { BootedStorage } from '../storage/booted-storage.ts';

/**
 * Opens the `/etc` in use without what is mounted below it: that belongs to whoever mounts it, while what lies underneath, which it
 * hides, belongs to the deployment. The mount table tells of mounts; device numbers would take a subvolume of btrfs for one, miss those
 * from the same file system, and not lead to what is underneath. Disposing of it unmounts it.
 *
 * @throws CommandError of mount(8).
 */
export async function openBareEtc({
  root,
  mounts,
}: Pick<BootedStorage, 'root' | 'mounts'>): Promise<{ path: string } & AsyncDisposable> {
  const etc = join(root, 'etc');
  if (!mounts.some(({ mountPoint }) => mountPoint.startsWith('/etc/'))) return withoutDisposal(etc);
  await using stack = new AsyncDisposableStack();
  const path = await mkdtemp(join(tmpdir(), 'bootc-bare-etc-'));
  stack.defer(() => rmdir(path));
  await run(['mount', '--bind', etc, path], { step: 'look below the mounts in /etc', timeoutMs: 60_000 });
  stack.defer(async () => {
    await run(['umount', path], { step: 'leave what is below the mounts in /etc', timeoutMs: 60_000 });
  });
  const opened = stack.move();
  return { path, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** A folder that is there anyhow, where one is expected that may have to be given back. */
export function withoutDisposal(path: string): { path: string } & AsyncDisposable {
  return { path, [Symbol.asyncDispose]: async () => undefined };
}
