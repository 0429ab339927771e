import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isSystemError } from '../syscalls/libc.ts';
import { renameExchange, renameNoReplace as renameWithoutReplacing } from '../syscalls/links.ts';
import { randomLetters } from './random-name.ts';
import { beforeMutation } from './seam.ts';
import { syncDirectory } from './sync.ts';
import { linkOpenFile, publishFile, type UnnamedFile } from './unnamed-file.ts';

/**
 * Creates or replaces a file. After it resolves, the new content is on disk under its name. If it throws or power is
 * lost, the name has the old content (or is missing, as before) or the new one, never a part; a `.NAME.new` may stay
 * beside it, which the next call for the same name removes. Writers of one name must not run at the same time.
 *
 * @param options.mode permission bits, independent of the umask. Default: 0644.
 */
export async function replaceFile(
  directory: string,
  name: string,
  content: string | Uint8Array,
  options: { mode?: number } = {},
): Promise<void> {
  const temporary = join(directory, `.${name}.new`);
  writeNewFile(temporary, content, options.mode ?? 0o644);
  renameOver(temporary, join(directory, name));
  syncDirectory(directory);
}

/**
 * Makes a name in a directory a symbolic link to a target, atomically, whatever the name was before. Nothing is synced:
 * after it returns, the link survives a crash of the program; after a loss of power, the name is what it was before, or
 * the link. The link is made in `temporaryDirectory` when the name has to be replaced; a `.symlink-…` may stay there if
 * the program is stopped in between.
 */
export function replaceSymlink(path: string, target: string, temporaryDirectory: string): void {
  try {
    beforeMutation('symlink', path);
    symlinkSync(target, path);
    return;
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
  }
  if (readLinkIfAny(path) === target) return;
  const temporary = join(temporaryDirectory, `.symlink-${randomLetters(12)}`);
  beforeMutation('symlink', temporary);
  symlinkSync(target, temporary);
  renameOver(temporary, path);
}

/**
 * Exchanges two names of a directory in one step. After it resolves, the exchange is on disk. If it throws or power is
 * lost, either both are as before or both are exchanged. Both must exist.
 */
export async function exchange(directory: string, one: string, other: string): Promise<void> {
  beforeMutation('exchange', join(directory, one));
  renameExchange(join(directory, one), join(directory, other));
  syncDirectory(directory);
}

/**
 * Renames within a directory. After it resolves, the new name is on disk. If it throws or power is lost, the file has
 * its old name or the new one, never both or none.
 *
 * @throws a system error; `EEXIST` if the new name is taken, which is never replaced.
 */
export async function renameNoReplace(directory: string, from: string, to: string): Promise<void> {
  beforeMutation('rename', join(directory, to));
  renameWithoutReplacing(join(directory, from), join(directory, to));
  syncDirectory(directory);
}

/**
 * Puts a further name of an open, complete file in the place of another file, atomically. Nothing is synced: after a loss of
 * power the path leads to the one file or to the other, so that the new one has to be on disk before. A `.tmp-object-…` may
 * stay in `temporaryDirectory` if the program is stopped.
 *
 * @throws a system error; `EXDEV` if the file is on another file system or mount, `EMLINK` if it has too many names.
 */
export function replaceByLink(fd: number, path: string, temporaryDirectory: string): void {
  const temporary = join(temporaryDirectory, `.tmp-object-${randomLetters(12)}`);
  if (!linkOpenFile(fd, temporary)) throw new Error(`${temporary} exists already`);
  renameOver(temporary, path);
}

/**
 * Puts an unnamed file in the place of another, atomically. Nothing is synced: after a loss of power the name has the
 * old content, or the new one as far as that was on disk.
 */
export function replaceByFile(file: UnnamedFile, path: string): void {
  const temporary = join(file.directory, `.tmp-object-${randomLetters(12)}`);
  if (!publishFile(file, temporary)) throw new Error(`${temporary} exists already`);
  renameOver(temporary, path);
}

// The step that all ways of replacing end with.
function renameOver(temporary: string, path: string): void {
  try {
    beforeMutation('rename', path);
    renameSync(temporary, path);
  } catch (error) {
    removeQuietly(temporary);
    throw error;
  }
}

function writeNewFile(path: string, content: string | Uint8Array, mode: number): void {
  removeQuietly(path);
  beforeMutation('create', path);
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode);
  try {
    fchmodSync(fd, mode);
    beforeMutation('write', path);
    writeFileSync(fd, content);
    beforeMutation('fsync', path);
    fsyncSync(fd);
  } catch (error) {
    removeQuietly(path);
    throw error;
  } finally {
    closeSync(fd);
  }
}

function readLinkIfAny(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isSystemError(error, 'EINVAL', 'ENOENT')) return undefined;
    throw error;
  }
}

// Takes away a leftover; what went wrong before matters more than whether this works.
function removeQuietly(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  try {
    beforeMutation('unlink', path);
    unlinkSync(path);
  } catch {}
}
