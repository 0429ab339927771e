import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { CodedError } from '@workbench/run';
import { verifyFile } from '../fsverity/seal.ts';
import { isSystemError } from '../syscalls/libc.ts';
import type { Repository } from './repository.ts';

/** Where an object lies below the repository: `objects/xx/yyyy…`. */
export function objectPath(digest: string): string {
  return `objects/${digest.slice(0, 2)}/${digest.slice(2)}`;
}

// Thousands of paths are made, and normalizing each takes as long as the call that it is for.
function pathOf(repository: Repository, digest: string): string {
  return `${repository.path}/${objectPath(digest)}`;
}

/** Whether an object is there. Its content is not looked at. */
export function hasObject(repository: Repository, digest: string): boolean {
  return statSync(pathOf(repository, digest), { throwIfNoEntry: false })?.isFile() === true;
}

/** Whether an object is there, and no check found it damaged. Its content is not looked at. */
export function isUsable(repository: Repository, digest: string): boolean {
  return !repository.suspects.has(digest) && hasObject(repository, digest);
}

/** Size of an object in bytes, or undefined if it is not there. */
export function objectSize(repository: Repository, digest: string): number | undefined {
  return statSync(pathOf(repository, digest), { throwIfNoEntry: false })?.size;
}

/**
 * Opens an object for reading; in a secure repository the kernel vouches for its content. The caller closes the
 * descriptor.
 *
 * @throws CodedError `OBJECT_MISSING`; `VERITY_MISSING` or `VERITY_MISMATCH` in a secure repository.
 */
export function openObject(repository: Repository, digest: string): number {
  let fd: number;
  try {
    fd = openSync(pathOf(repository, digest), constants.O_RDONLY);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
    throw new CodedError('OBJECT_MISSING', `${repository.path} has no object ${digest}`, {
      hint: 'check the repository with fsck; importing the image anew brings the object back',
    });
  }
  if (!repository.isSecure) return fd;
  try {
    verifyFile(fd, { digest, algorithm: repository.algorithm, policy: 'require', name: `object ${digest}` });
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The content of an object. @throws as {@link openObject}. */
export function readObject(repository: Repository, digest: string): Buffer {
  const fd = openObject(repository, digest);
  try {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The first bytes of an object, at most 64: enough to tell what it is. @throws as {@link openObject}. */
export function readObjectHead(repository: Repository, digest: string): Buffer {
  const fd = openObject(repository, digest);
  try {
    const head = Buffer.alloc(64);
    return head.subarray(0, readSync(fd, head, 0, head.length, 0));
  } finally {
    closeSync(fd);
  }
}

/**
 * Whether an open file can stand for an object that is about to be stored: of its size, and with its digest where the
 * kernel guards it.
 */
export function isIntact(repository: Repository, fd: number, expected: { digest: string; sizeBytes: number }): boolean {
  const { digest, sizeBytes } = expected;
  if (repository.suspects.has(digest) || fstatSync(fd).size !== sizeBytes) return false;
  if (!repository.isSecure) return true;
  try {
    verifyFile(fd, { digest, algorithm: repository.algorithm, policy: 'require', name: `object ${digest}` });
    return true;
  } catch (error) {
    if (error instanceof CodedError) return false;
    throw error;
  }
}
