import { access, constants, readdir, readFile } from 'node:fs/promises';

/** What a folder or file that is not there makes of an error: true for ENOENT and ENOTDIR. */
export function isAbsence(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/** The text of a file, or undefined when there is none. Other errors are thrown. */
export async function readOptionalText(path: string): Promise<string | undefined> {
  const bytes = await readOptionalBytes(path);
  return bytes?.toString('utf8');
}

/** The bytes of a file, or undefined when there is none. Other errors are thrown. */
export async function readOptionalBytes(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((error: unknown) => {
    if (isAbsence(error)) return undefined;
    throw error;
  });
}

/** The sorted names in a folder; none when it is absent. Other errors are thrown. */
export async function listOptionalDirectory(path: string): Promise<string[]> {
  const names = await readdir(path).catch((error: unknown) => {
    if (isAbsence(error)) return [];
    throw error;
  });
  return names.sort();
}

/** Whether something is at this path, symbolic links followed. */
export async function pathExists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Whether this process can write to what is at this path: not on a file system that is mounted read-only. */
export async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}
