import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, removeTree } from '@workbench/composefs';
import { listOptionalDirectory } from '../storage/optional-file.ts';

/** Where podman puts the blobs it pulls until they are unpacked. Disposing of it empties it. */
export interface PullFolder extends AsyncDisposable {
  path: string;
  /** Sizes of the files in it. */
  fileSizes(): Promise<number[]>;
}

const folderName = 'pull.tmp';

/**
 * Opens the folder for blobs, on the file system of the storage, since they may be larger than memory. What a stopped pull
 * left is removed. The folder itself stays, so that a pull that goes well, after which podman leaves nothing, needs no sync.
 *
 * No two pulls into one storage run at a time: they hold the lock of operations, or have the storage to themselves.
 */
export async function openPullFolder(bootcDirectory: string): Promise<PullFolder> {
  const path = join(bootcDirectory, folderName);
  makeDirectory(path, 0o700);
  await empty(path);
  return { path, fileSizes: () => fileSizes(path), [Symbol.asyncDispose]: () => empty(path) };
}

async function empty(folder: string): Promise<void> {
  for (const name of await listOptionalDirectory(folder)) await removeTree(join(folder, name));
}

// Files come and go meanwhile.
async function fileSizes(folder: string): Promise<number[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      stat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      ),
    );
  return Promise.all(sizes);
}
