import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { type Mount, mountAt } from '../storage/mount-table.ts';
import { listOptionalDirectory } from '../storage/optional-file.ts';

/** What `--replace` says: empty the root, or only what the boot loader reads; absent: nothing may be there. */
export type Replace = 'wipe' | 'alongside';

/** What mkfs makes, and nobody misses. */
const ofFilesystem = ['lost+found'];

/**
 * Makes sure that a root is empty, but for mounts of other file systems and folders that lead to them.
 *
 * @throws CodedError `ROOT_NOT_EMPTY` that names what is there.
 */
export async function assertEmptyRoot(root: string, mounts: readonly Mount[]): Promise<void> {
  const found = await findContent(root, mounts);
  if (found.length === 0) return;
  const shown = found.slice(0, 5).join(', ');
  throw new CodedError('ROOT_NOT_EMPTY', `the root ${root} is not empty: ${shown}${found.length > 5 ? ', …' : ''}`, {
    hint: 'use another file system, or --replace=wipe, or --replace=alongside to keep what is there',
  });
}

async function findContent(directory: string, mounts: readonly Mount[]): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (mountAt(mounts, path) !== undefined || ofFilesystem.includes(entry.name)) continue;
    if (entry.isDirectory()) found.push(...(await findContent(path, mounts)));
    else found.push(path);
  }
  return found;
}

/**
 * Makes sure that a root can be emptied.
 *
 * @throws CodedError `ROOT_HAS_MOUNTS` when other file systems are mounted in it.
 */
export function assertWipeable(root: string, mounts: readonly Mount[]): void {
  const inside = mounts.map((mount) => mount.mountPoint).filter((path) => path.startsWith(`${root}/`));
  if (inside.length === 0) return;
  throw new CodedError('ROOT_HAS_MOUNTS', `the root ${root} cannot be wiped: ${inside.join(', ')} are mounted in it`, {
    hint: 'unmount them first, or use --replace=alongside',
  });
}

/** Removes everything in a folder; of folders that are mount points nothing. If it throws or power is lost, any part may be left. */
export async function emptyFolder(directory: string, mounts: readonly Mount[]): Promise<void> {
  for (const name of await listOptionalDirectory(directory)) {
    const path = join(directory, name);
    if (!mounts.some(({ mountPoint }) => mountPoint === path || mountPoint.startsWith(`${path}/`)))
      await removeTree(path);
  }
}
