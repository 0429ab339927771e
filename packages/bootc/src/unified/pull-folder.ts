import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, removeTree } from '@workbench/composefs';
import { listOptionalDirectory, pathExists } from '../storage/optional-file.ts';

/** Where podman puts the blobs it pulls until they are unpacked. Disposing of it removes it. */
export interface PullFolder extends AsyncDisposable {
  path: string;
  /** Sizes of the files in it. */
  fileSizes(): Promise<number[]>;
}

const parentName = 'pull.tmp';

/**
 * Makes the folder of this process for blobs, on the file system of the storage, since they may be larger than memory.
 * Folders that stopped processes left are removed.
 */
export async function openPullFolder(bootcDirectory: string): Promise<PullFolder> {
  const parent = join(bootcDirectory, parentName);
  makeDirectory(parent, 0o700);
  for (const name of await listOptionalDirectory(parent)) {
    const isLeftBehind = name === String(process.pid) || !(await pathExists(`/proc/${name}`));
    if (isLeftBehind) await removeTree(join(parent, name));
  }
  const path = join(parent, String(process.pid));
  makeDirectory(path, 0o700);
  return { path, fileSizes: () => fileSizes(path), [Symbol.asyncDispose]: () => removeTree(path) };
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
