import { closeSync, constants, fsyncSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { cloneFile, dedupeRange } from '../syscalls/file-systems.ts';
import { isSystemError } from '../syscalls/libc.ts';
import { linkFile, openUnnamed, renameNoReplace } from '../syscalls/links.ts';
import { randomLetters } from './random-name.ts';
import { beforeMutation } from './seam.ts';

/**
 * A new file that no name leads to yet, open for reading and writing until {@link reopenReadOnly}. Dropped with {@link
 * dropUnnamed}, or by the end of the program. Only where the file system has no unnamed files it has the temporary name
 * `path`, and a program that is stopped leaves it behind.
 */
export interface UnnamedFile {
  fd: number;
  path: string | undefined;
  directory: string;
}

/**
 * Makes a file without a name in a directory. `mode` is reduced by the umask. Nothing is on disk before {@link
 * publishFile}.
 */
export function createUnnamed(directory: string, mode: number): UnnamedFile {
  beforeMutation('create', directory);
  try {
    return { fd: openUnnamed(directory, mode), path: undefined, directory };
  } catch (error) {
    if (!isSystemError(error, 'EOPNOTSUPP', 'ENOTSUP', 'EISDIR', 'EINVAL')) throw error;
  }
  const path = join(directory, `.tmp-object-${randomLetters(12)}`);
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, mode);
  return { fd, path, directory };
}

/** Announces that content is about to be written to an unnamed file, once for each file. */
export function beforeWriting(file: UnnamedFile): void {
  beforeMutation('write', file.directory);
}

/**
 * Makes an unnamed, empty file share the blocks of another file. @throws as {@link cloneFile}; the file is still empty
 * then.
 */
export function cloneInto(file: UnnamedFile, sourceFd: number): void {
  beforeMutation('clone', file.directory);
  cloneFile(sourceFd, file.fd);
}

/** The kernel takes no more at once on some file systems; a multiple of every block size. */
const dedupedBytes = 16 * 1024 * 1024;

/**
 * Makes an open file share the blocks of another one of the same content. Its content never changes, nor does the other file,
 * whatever happens meanwhile; nothing has to be synced.
 *
 * @param path of the file, for whoever observes.
 * @returns whether all of it is shared; false if the content differs.
 * @throws a system error; `EOPNOTSUPP`, `ENOTTY`, `EINVAL` or `EPERM` if these two files cannot.
 */
export function shareBlocks(sourceFd: number, file: { fd: number; sizeBytes: number; path: string }): boolean {
  beforeMutation('dedupe', file.path);
  for (let start = 0; start < file.sizeBytes; ) {
    const length = Math.min(dedupedBytes, file.sizeBytes - start);
    const shared = dedupeRange(sourceFd, file.fd, { start, length });
    if (shared === 0) return false;
    start += shared;
  }
  return true;
}

/** Turns the descriptor of an unnamed file into a read-only one, as sealing demands. */
export function reopenReadOnly(file: UnnamedFile): void {
  const readOnly = openSync(file.path ?? `/proc/self/fd/${file.fd}`, constants.O_RDONLY);
  closeSync(file.fd);
  file.fd = readOnly;
}

/** Announces that a file is about to be sealed with fs-verity: from then on its content cannot change any more. */
export function beforeSealing(path: string): void {
  beforeMutation('seal', path);
}

/**
 * Gives an unnamed file its name, which is never taken from another. After it returns, the file is under its name,
 * whole, for every process; after a loss of power only once its file system was synced.
 *
 * @returns false if the name was taken already: the other file stays, and this one is still without a name.
 */
export function publishFile(file: UnnamedFile, path: string): boolean {
  beforeMutation('link', path);
  try {
    if (file.path === undefined) linkFile(file.fd, path);
    else renameNoReplace(file.path, path);
    file.path = undefined;
    return true;
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Gives an open, complete file a further name on its file system, with the crash contract of {@link publishFile}.
 *
 * @returns false if the name was taken already.
 * @throws a system error; `EXDEV` if the name would be on another file system or mount.
 */
export function linkOpenFile(fd: number, path: string): boolean {
  beforeMutation('link', path);
  try {
    linkFile(fd, path);
    return true;
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Writes the content of an unnamed file to its device. After it returns the content survives a loss of power, once it
 * has a name.
 */
export function syncUnnamed(file: UnnamedFile): void {
  beforeMutation('fsync', file.directory);
  fsyncSync(file.fd);
}

/** Closes an unnamed file; unless it was published it is gone with that. */
export function dropUnnamed(file: UnnamedFile): void {
  closeSync(file.fd);
  if (file.path === undefined) return;
  try {
    beforeMutation('unlink', file.path);
    unlinkSync(file.path);
  } catch {
    // A leftover in the objects folder is found and removed by the next garbage collection.
  }
}
