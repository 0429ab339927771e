import { constants } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { loaderPaths } from '../boot/names.ts';
import { isAbsence } from './optional-file.ts';

/** A file of a boot entry: its text, or why that cannot be read. */
export interface EntryFile {
  fileName: string;
  text: string | Error;
}

/** The files of both sets of boot entries, by their names. */
export interface EntryFiles {
  active: readonly EntryFile[];
  staged: readonly EntryFile[];
}

/** So often it is begun anew because somebody else has changed the sets meanwhile. */
const attempts = 10;

/**
 * Reads the files of both sets as they were at one time: who only looks does not hold the lock of operations, and the sets are exchanged
 * as a whole, under names that may be the same in both. None for a folder that is not there.
 *
 * @throws a system error when a folder cannot be listed.
 */
export async function readEntryFiles(bootDirectory: string): Promise<EntryFiles> {
  for (let attempt = 1; ; attempt++) {
    await using folders = new AsyncDisposableStack();
    const [active, staged] = await Promise.all(
      [loaderPaths.entries, loaderPaths.staged].map((folder) => readSet(join(bootDirectory, folder), folders)),
    );
    const isWhole = (await active!.isStillThere()) && (await staged!.isStillThere());
    if (isWhole || attempt === attempts) return { active: active!.files, staged: staged!.files };
  }
}

interface ReadSet {
  files: EntryFile[];
  /** Whether it is at its place yet, and nothing of it was taken away while it was read. */
  isStillThere(): Promise<boolean>;
}

// By a descriptor: what is exchanged meanwhile stays the same folder.
async function readSet(path: string, folders: AsyncDisposableStack): Promise<ReadSet> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY).catch((error: unknown) => {
    if (isAbsence(error)) return undefined;
    throw error;
  });
  const placeOf = (at: string) => stat(at, { bigint: true }).catch(() => undefined);
  if (folder === undefined) return { files: [], isStillThere: async () => (await placeOf(path)) === undefined };
  folders.use(folder);
  const inside = `/proc/self/fd/${folder.fd}`;
  const names = (await readdir(inside)).filter((name) => name.endsWith('.conf')).sort();
  const files = await Promise.all(
    names.map(async (fileName): Promise<EntryFile> => {
      const text = await readFile(join(inside, fileName), 'utf8').catch((error: Error) =>
        Object.assign(error, { message: error.message.replace(inside, path) }),
      );
      return { fileName, text };
    }),
  );
  return {
    files,
    isStillThere: async () => {
      if (files.some(({ text }) => text instanceof Error && isAbsence(text))) return false;
      const [own, there] = [await folder.stat({ bigint: true }), await placeOf(path)];
      return own.ino === there?.ino && own.dev === there.dev;
    },
  };
}
