import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFile, removeTree } from '@workbench/composefs';
import { run } from '@workbench/run';
import { oldSystemMarker } from '../deployment/state-paths.ts';
import { alephName } from '../install/aleph.ts';
import { type BootedStorage, openBootedStorage } from '../storage/booted-storage.ts';
import { lockOperations } from '../storage/operation-lock.ts';
import { listOptionalDirectory, pathExists } from '../storage/optional-file.ts';

/** What an installation makes on a physical root, mount points of boot partitions, and what mkfs made. */
const kept = new Set(['composefs', 'state', 'ostree', 'boot', 'efi', 'lost+found', alephName]);

/** In `ostree`, the link to bootc's container storage. */
const keptOfOstree = new Set(['bootc']);

/**
 * Removes from the physical root what the system that was there before the installation has left, and at last the marker in
 * `/etc` by which an installation asks for it. What holds a mount point stays. Cut short, it is gone on with by the next
 * call; a system without the marker is not touched.
 *
 * @returns the paths that were removed.
 * @throws what removing throws; the rest then is still there, and the marker too.
 */
export async function removeOldSystem(
  storage: Pick<BootedStorage, 'root' | 'physicalRoot' | 'mounts'>,
): Promise<string[]> {
  const { root, physicalRoot, mounts } = storage;
  const marker = join(root, 'etc', oldSystemMarker);
  if (!(await pathExists(marker))) return [];
  const found = [
    ...(await readdir(physicalRoot)).filter((name) => !kept.has(name)),
    ...(await listOptionalDirectory(join(physicalRoot, 'ostree')))
      .filter((name) => !keptOfOstree.has(name))
      .map((name) => join('ostree', name)),
  ].map((name) => join(physicalRoot, name));
  const holdsMount = (path: string): boolean =>
    mounts.some(({ mountPoint }) => mountPoint === path || mountPoint.startsWith(`${path}/`));
  const removed = found.sort().filter((path) => !holdsMount(path));
  for (const path of removed) await removeEvenImmutable(path);
  await removeFile(marker);
  return removed;
}

// ostree marks the roots of its deployments as immutable (chattr(1)).
async function removeEvenImmutable(path: string): Promise<void> {
  try {
    await removeTree(path);
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EPERM') throw error;
    await run(['chattr', '-R', '-f', '-i', path], { step: `let ${path} be removed`, okExitCodes: [1] });
    await removeTree(path);
  }
}

/** `bootc internals cleanup`, which the first boot of an installation with `--cleanup` runs. */
export async function runRemoveOldSystem(): Promise<void> {
  using _lock = await lockOperations('/');
  await using storage = await openBootedStorage('write');
  for (const path of await removeOldSystem(storage)) process.stdout.write(`Removed ${path}\n`);
}
