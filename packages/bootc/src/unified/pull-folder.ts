import { existsSync, mkdirSync } from 'node:fs';
import { readdir, readFile, stat, statfs } from 'node:fs/promises';
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
const memoryFolder = '/run/bootc';
const tmpfsMagic = 0x01021994;
/** Blobs in memory take at most this part of what is available, and of the room there. */
const largestShare = { ofMemory: 1 / 8, ofRoom: 1 / 2 } as const;

/**
 * Opens the folder for blobs: in memory where they are small beside it, so that they are never written to the disk; else on
 * the file system of the storage. What a stopped pull left is removed. The folder itself stays, so that a pull that goes
 * well, after which podman leaves nothing, needs no sync.
 *
 * No two pulls into one storage run at a time: they hold the lock of operations, or have the storage to themselves.
 *
 * @param bytes of all blobs; undefined when that is not known.
 */
export async function openPullFolder(bootcDirectory: string, bytes: number | undefined): Promise<PullFolder> {
  const onDisk = join(bootcDirectory, folderName);
  if (existsSync(onDisk)) await empty(onDisk);
  const path = bytes !== undefined && (await fitsMemory(bytes)) ? join(memoryFolder, folderName) : onDisk;
  makeDirectory(path, 0o700);
  await empty(path);
  return { path, fileSizes: () => fileSizes(path), [Symbol.asyncDispose]: () => empty(path) };
}

async function fitsMemory(bytes: number): Promise<boolean> {
  mkdirSync(memoryFolder, { recursive: true });
  const { type, bavail, bsize } = await statfs(memoryFolder);
  const availableKib = /^MemAvailable:\s+(\d+) kB/m.exec(await readFile('/proc/meminfo', 'utf8'))?.[1];
  const memoryBytes = Number(availableKib ?? 0) * 1024;
  return (
    type === tmpfsMagic && bytes <= memoryBytes * largestShare.ofMemory && bytes <= bavail * bsize * largestShare.ofRoom
  );
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
