import { closeSync, constants, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { readdir, readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { lock, makeDirectory, removeTree, tryLock } from '@workbench/composefs';
import { listOptionalDirectory } from '../storage/optional-file.ts';

/** Where podman puts the blobs it pulls until they are unpacked. Disposing of it empties it. */
export interface PullFolder extends AsyncDisposable {
  path: string;
  /** Sizes of the files in it. */
  fileSizes(): Promise<number[]>;
}

const folderName = 'pull.tmp';
const defaultMemoryFolder = '/run/bootc';
const tmpfsMagic = 0x01021994;
/** Blobs in memory take at most this part of what is available, and of the room there. */
const largestShare = { ofMemory: 1 / 8, ofRoom: 1 / 2 } as const;

/**
 * Opens the folder for blobs: in memory where they are small beside it, so that they are never written to the disk; else on
 * the file system of the storage. What a stopped pull left is removed. The folder itself stays, so that a pull that goes
 * well, after which podman leaves nothing, needs no sync.
 *
 * No two pulls into one storage run at a time: they hold the lock of operations, or have the storage to themselves. Those into
 * different ones may: each storage has a folder of its own, also in memory, which is locked while it is used.
 *
 * @param bytes of all blobs; undefined when that is not known.
 * @param options.memoryFolder where folders in memory are, if that is a tmpfs. Default: `/run/bootc`.
 */
export async function openPullFolder(
  bootcDirectory: string,
  bytes: number | undefined,
  { memoryFolder = defaultMemoryFolder }: { memoryFolder?: string } = {},
): Promise<PullFolder> {
  const onDisk = join(bootcDirectory, folderName);
  if (existsSync(onDisk)) await empty(onDisk);
  mkdirSync(memoryFolder, { recursive: true });
  await emptyAbandoned(memoryFolder);
  const isInMemory = bytes !== undefined && (await fitsMemory(bytes, memoryFolder));
  const path = isInMemory ? join(memoryFolder, nameInMemory(bootcDirectory)) : onDisk;
  makeDirectory(path, 0o700);
  const fd = openFolder(path);
  await lock(fd, 'exclusive');
  await empty(path);
  return {
    path,
    fileSizes: () => fileSizes(path),
    [Symbol.asyncDispose]: async () => {
      await empty(path);
      closeSync(fd);
    },
  };
}

// Of the folder itself, since storages in different mount namespaces may have the same path.
function nameInMemory(bootcDirectory: string): string {
  const { dev, ino } = statSync(bootcDirectory, { bigint: true });
  return `pull-${dev}-${ino}.tmp`;
}

// A pull that was killed may have been into a storage that nobody opens again; what it left takes memory.
async function emptyAbandoned(memoryFolder: string): Promise<void> {
  for (const name of await listOptionalDirectory(memoryFolder)) {
    if (!/^pull-\d+-\d+\.tmp$/.test(name)) continue;
    const fd = openFolder(join(memoryFolder, name));
    try {
      if (tryLock(fd, 'exclusive')) await empty(join(memoryFolder, name));
    } finally {
      closeSync(fd);
    }
  }
}

function openFolder(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

async function fitsMemory(bytes: number, memoryFolder: string): Promise<boolean> {
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
