import { closeSync, constants, fsyncSync, openSync } from 'node:fs';
import { syncFileSystem } from '../syscalls/file-systems.ts';
import { beforeMutation } from './seam.ts';

/**
 * Makes the entries of a directory durable. After it returns, every name made, renamed or removed in the directory
 * before the call survives a loss of power; the content of the files does so only if it was synced itself.
 *
 * @throws a system error, for example `EIO`: then nothing is known about what is on disk.
 */
export function syncDirectory(directory: string): void {
  beforeMutation('fsync', directory);
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes all that was written to the file system of a path durable (syncfs(2)). After it resolves, everything that
 * anyone changed there before the call survives a loss of power. If it throws, some of it may be lost.
 */
export async function syncFilesystem(path: string): Promise<void> {
  beforeMutation('syncfs', path);
  const fd = openSync(path, constants.O_RDONLY);
  try {
    await syncFileSystem(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes a directory and all below it durable, content, names and metadata. After it resolves, the whole tree survives a
 * loss of power. It is one sync of the file system, because an fsync of each of thousands of files costs a commit of
 * the journal each; a tree must therefore not have other file systems mounted inside.
 */
export async function syncTree(directory: string): Promise<void> {
  await syncFilesystem(directory);
}
