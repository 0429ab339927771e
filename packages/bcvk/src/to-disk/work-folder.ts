import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HeldLock, tryLock } from '@workbench/run/flock';
import { z } from 'zod';
import { unmountImage } from '../images/podman.ts';

const leftoversSchema = z.object({ mountedImages: z.array(z.string()), files: z.array(z.string()) });
type Leftovers = z.infer<typeof leftoversSchema>;

/** The folder of one running installation, and the list of what must go when it ends. */
export interface WorkFolder extends AsyncDisposable {
  readonly path: string;
  /** Notes, before it is mounted, that an image will be mounted once. */
  willMountImage(imageId: string): void;
  /** Notes, before it is made, a file that is worth nothing unless {@link keepFile} follows. */
  willMakeFile(file: string): void;
  /** The file has its final name or is finished: it stays. */
  keepFile(file: string): void;
}

const leftoversFile = 'leftovers.json';
const lockFile = 'owner.lock';

/**
 * Makes the folder of one installation below `parent`. Its owner holds a lock in it, and what must be undone is written
 * down before it is done: if this process is killed, {@link sweepWorkFolders} of the next one finds the folder unlocked
 * and undoes it. (The processes end by themselves: they are started with a parent-death signal.)
 */
export function createWorkFolder(parent: string, name: string): WorkFolder {
  const path = join(parent, name);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const held = tryLock(join(path, lockFile), 'installation');
  if (held === undefined) throw new Error(`${path} belongs to another process`);
  const leftovers: Leftovers = { mountedImages: [], files: [] };
  const save = () => writeFileSync(join(path, leftoversFile), JSON.stringify(leftovers));
  save();
  return {
    path,
    willMountImage(imageId) {
      leftovers.mountedImages.push(imageId);
      save();
    },
    willMakeFile(file) {
      leftovers.files.push(file);
      save();
    },
    keepFile(file) {
      leftovers.files = leftovers.files.filter((other) => other !== file);
      save();
    },
    [Symbol.asyncDispose]: () => removeWorkFolder(path, held),
  };
}

/** Undoes what killed installations left below `parent`; gives the names of their folders. */
export async function sweepWorkFolders(parent: string): Promise<string[]> {
  const swept: string[] = [];
  for (const name of existsSync(parent) ? readdirSync(parent) : []) {
    const held = tryLock(join(parent, name, lockFile), 'sweeper');
    if (held === undefined) continue;
    await removeWorkFolder(join(parent, name), held);
    swept.push(name);
  }
  return swept;
}

async function removeWorkFolder(path: string, held: HeldLock): Promise<void> {
  const leftovers = readLeftovers(join(path, leftoversFile));
  for (const imageId of leftovers.mountedImages) await unmountImage(imageId);
  for (const file of leftovers.files) rmSync(file, { force: true });
  rmSync(path, { recursive: true, force: true });
  held[Symbol.dispose]();
}

function readLeftovers(path: string): Leftovers {
  try {
    return leftoversSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Killed while the list was being written for the first time: nothing was done yet.
    return { mountedImages: [], files: [] };
  }
}
