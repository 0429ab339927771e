import { closeSync, constants, fstatSync, openSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { replaceByLink } from '../durable/replace.ts';
import { shareBlocks } from '../durable/unnamed-file.ts';
import { measureFile } from '../fsverity/seal.ts';
import { type Extent, listExtents } from '../syscalls/extents.ts';
import { isSystemError } from '../syscalls/libc.ts';
import { objectPath } from './objects.ts';
import type { Repository } from './repository.ts';

/** An open file that has the content of an object, and takes the same room once more. */
export interface ObjectCopy {
  fd: number;
  sizeBytes: number;
  digest: string;
}

/**
 * Lets a file have the blocks of the object, on file systems that can share blocks. The object stays as it is, and so does
 * what is in the file; the kernel compares both, so that nothing that happens meanwhile can hurt either.
 *
 * @returns whether room was saved: not where they share already, where the file takes no blocks, or where it cannot be done.
 */
export function mergeBlocks(repository: Repository, { fd, sizeBytes, digest }: ObjectCopy): boolean {
  const objectFd = openSync(join(repository.path, objectPath(digest)), constants.O_RDONLY);
  try {
    const extents = listExtents(fd);
    if (extents.every(({ isInline }) => isInline) || isSamePlace(extents, listExtents(objectFd), sizeBytes)) {
      return false;
    }
    return shareBlocks(objectFd, { fd, sizeBytes, path: readlinkSync(`/proc/self/fd/${fd}`) });
  } catch (error) {
    if (isSystemError(error, 'EOPNOTSUPP', 'ENOTTY', 'EINVAL', 'EPERM', 'ETXTBSY', 'EXDEV')) return false;
    throw error;
  } finally {
    closeSync(objectFd);
  }
}

// One piece may be told as several, which need not end at the same places; some file systems keep room beyond the end.
function isSamePlace(extents: readonly Extent[], others: readonly Extent[], sizeBytes: number): boolean {
  const size = BigInt(sizeBytes);
  const ends = [...extents, ...others].map(({ logical, length }) => logical + length);
  const placeOf = (all: readonly Extent[], end: bigint): bigint | undefined => {
    const at = all.find(({ logical, length }) => logical < end && end <= logical + length);
    return at?.physical === undefined ? undefined : at.physical + (end - at.logical);
  };
  return ends.every((end) => {
    const within = end < size ? end : size;
    const place = placeOf(extents, within);
    return place !== undefined && place === placeOf(others, within);
  });
}

/**
 * Whether replacing an object by a file of the same content would save room and take nothing away: it has no other name, and
 * the kernel guards the file as it guards the object.
 */
export function isMergeableByLink(repository: Repository, { fd, digest }: ObjectCopy): boolean {
  const object = statSync(join(repository.path, objectPath(digest)), { throwIfNoEntry: false });
  if (object === undefined || object.nlink !== 1 || object.dev !== fstatSync(fd).dev) return false;
  const measured = measureFile(fd, repository.algorithm);
  return measured.state === 'sealed' && measured.digest === digest;
}

/**
 * Makes an object a further name of a file that {@link isMergeableByLink}, atomically: whoever opens it has the one or the
 * other, and who has the former one open keeps that. The content and the seal of the file must be on disk before; after a
 * loss of power the object is the one or the other.
 *
 * @returns false if the file cannot have a name there.
 */
export function mergeByLink(repository: Repository, { fd, digest }: ObjectCopy): boolean {
  try {
    replaceByLink(fd, join(repository.path, objectPath(digest)), join(repository.path, 'objects'));
    return true;
  } catch (error) {
    if (isSystemError(error, 'EXDEV', 'EPERM', 'EMLINK', 'EACCES')) return false;
    throw error;
  }
}
