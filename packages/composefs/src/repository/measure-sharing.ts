import { closeSync, constants, fstatSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { countSharedBytes } from '../syscalls/extents.ts';
import { isSystemError } from '../syscalls/libc.ts';

/** How much of the objects of a repository takes no room of its own. */
export interface SharingMeasure {
  objects: number;
  /** Sum of their sizes. */
  bytes: number;
  /** Of these, in files that have another name elsewhere too. */
  hardlinkedBytes: number;
  /** Of these, in blocks that another file has too. */
  reflinkedBytes: number;
}

/**
 * Measures on the disk how much of the objects is shared with files outside of the repository, as those of container storage
 * are. Every object is looked at: some tenths of a second for an operating system.
 *
 * @param path folder of the repository; no lock is needed, what goes meanwhile is not counted.
 */
export function measureSharing(path: string): SharingMeasure {
  const measure: SharingMeasure = { objects: 0, bytes: 0, hardlinkedBytes: 0, reflinkedBytes: 0 };
  const objects = join(path, 'objects');
  let hasExtents = true;
  for (const folder of readdirSync(objects).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
    for (const name of readdirSync(join(objects, folder))) {
      hasExtents = measureObject(join(objects, folder, name), measure, hasExtents);
    }
  }
  return measure;
}

// Returns whether it is worth asking for the extents of further ones.
function measureObject(path: string, measure: SharingMeasure, hasExtents: boolean): boolean {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return hasExtents;
    throw error;
  }
  try {
    const { nlink, size } = fstatSync(fd);
    measure.objects += 1;
    measure.bytes += size;
    if (nlink > 1) measure.hardlinkedBytes += size;
    else if (hasExtents) measure.reflinkedBytes += Math.min(countSharedBytes(fd), size);
    return hasExtents;
  } catch (error) {
    if (!isSystemError(error, 'EOPNOTSUPP', 'ENOTTY')) throw error;
    return false;
  } finally {
    closeSync(fd);
  }
}
