import { lstatSync } from 'node:fs';
import {
  computeFileVerity,
  type Directory,
  findNode,
  type HashAlgorithm,
  isSystemError,
  type Repository,
  readImagePart,
  scanDirectory,
} from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import type { NewKind } from './plan-merge.ts';

/**
 * The `/etc` of an image, by the digest of its EROFS image.
 *
 * @throws CodedError `IMAGE_WITHOUT_ETC`; `OBJECT_MISSING` when the repository has no such image.
 */
export function readImageEtc(repository: Repository, imageId: string): Directory {
  const etc = findNode(readImagePart(repository, imageId, ['etc']), 'etc');
  if (etc?.type === 'directory') return etc;
  throw new CodedError('IMAGE_WITHOUT_ETC', `the image ${imageId} has no directory /etc`, {
    hint: 'build the image with one',
  });
}

/**
 * An `/etc` on disk. Files are told apart by their fs-verity digest, whether they are sealed or not. It may be in use: when something
 * vanishes while it is read, it is read again.
 *
 * @throws a system error when something cannot be read.
 */
export async function scanEtc(path: string, algorithm: HashAlgorithm): Promise<Directory> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await scanDirectory(path, {
        digestFile: async (file) => computeFileVerity(file, algorithm),
        keepHardLinks: false,
      });
    } catch (error) {
      if (attempt === attempts || !isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error;
    }
  }
}

const attempts = 5;

/** What an `/etc` on disk has at a path below it. */
export function kindOnDisk(directory: string, path: string): NewKind {
  // Each folder on the way has to be a real one: a symbolic link is something else than the directory it leads to.
  const parts = path.split('/');
  for (let depth = 1; depth <= parts.length; depth++) {
    const step = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(parts.slice(0, depth).join('/'), 'latin1')]);
    const found = lstatSync(step, { throwIfNoEntry: false });
    if (found === undefined) return 'absent';
    if (depth === parts.length) return found.isDirectory() ? 'directory' : 'other';
    if (!found.isDirectory()) return 'absent';
  }
  return 'absent';
}
