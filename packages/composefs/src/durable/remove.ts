import { closeSync, constants, lstatSync, openSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { CodedError } from '@workbench/run';
import { mountIdOf } from '../syscalls/descriptors.ts';
import { isSystemError, showPath } from '../syscalls/libc.ts';
import { beforeMutation } from './seam.ts';
import { syncDirectory } from './sync.ts';

/**
 * Removes one file or symbolic link, if it is there. After it resolves, the name is gone on disk. If it throws or power
 * is lost, the file is there in full, or gone.
 */
export async function removeFile(path: string): Promise<void> {
  if (unlinkIfPresent(path)) syncDirectory(dirname(path));
}

/**
 * Removes one file or symbolic link, if it is there, without syncing: after a loss of power it may be there again,
 * whole.
 *
 * @returns whether it was there.
 */
export function unlinkIfPresent(path: string | Buffer): boolean {
  beforeMutation('unlink', showPath(path));
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
}

/**
 * Removes a directory and all below it, if it is there; of a symbolic link, the link alone. After it resolves, the name
 * is gone on disk. If it throws or power is lost, any part of the tree may be left: first make it unreachable (rename,
 * or remove what points at it).
 *
 * @throws CodedError `REMOVE_CROSSES_MOUNT` when something else is mounted inside; nothing behind the mount is touched.
 */
export async function removeTree(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (found.isDirectory()) removeDirectory(Buffer.from(path), found.dev);
  else unlinkIfPresent(path);
  syncDirectory(dirname(path));
}

/**
 * Removes a file, a symbolic link, or a directory and all below it, if it is there, without syncing: after a loss of power
 * any part of it may be there again, whole.
 *
 * @throws CodedError `REMOVE_CROSSES_MOUNT` as {@link removeTree}.
 */
export function removeUnsynced(path: Buffer): void {
  try {
    const found = lstatSync(path);
    if (found.isDirectory()) removeDirectory(path, found.dev);
    else unlinkIfPresent(path);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
}

// Names are bytes: what a system stores below /etc or /var need not be UTF-8.
function removeDirectory(path: Buffer, device: number): void {
  for (const entry of readdirSync(path, { withFileTypes: true, encoding: 'buffer' })) {
    const child = Buffer.concat([path, Buffer.from('/'), entry.name]);
    if (!entry.isDirectory()) {
      unlinkIfPresent(child);
      continue;
    }
    const { dev } = lstatSync(child);
    // A subvolume of btrfs has a device number of its own, too.
    if (dev !== device && mountOfDirectory(child) !== mountOfDirectory(path)) {
      throw new CodedError('REMOVE_CROSSES_MOUNT', `${showPath(child)} is a mount, so its parents cannot be removed`, {
        hint: `unmount it first: umount ${showPath(child)}`,
      });
    }
    removeDirectory(child, dev);
  }
  beforeMutation('rmdir', showPath(path));
  rmdirSync(path);
}

function mountOfDirectory(path: Buffer): string | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    return mountIdOf(fd);
  } finally {
    closeSync(fd);
  }
}
