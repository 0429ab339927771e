import { readImage } from '../erofs/read-image.ts';
import { byteString } from '../tree/byte-string.ts';
import type { Directory } from '../tree/tree.ts';
import { readObject } from './objects.ts';
import type { Repository } from './repository.ts';

/**
 * Some parts of an image, as a tree from its root: each path (`etc`, `usr/lib/os-release`) with all below it, and the folders
 * that lead there. What is not in the image is not in the tree. It takes time proportional to what is read, not to the image.
 *
 * @throws CodedError if the image is damaged; `OBJECT_MISSING`.
 */
export function readImagePart(repository: Repository, digest: string, paths: readonly string[]): Directory {
  const wanted = paths.map((path) => `${byteString(path)}/`);
  return readImage(readObject(repository, digest), {
    algorithm: repository.algorithm,
    only: (path) => wanted.some((prefix) => `${path}/`.startsWith(prefix) || prefix.startsWith(`${path}/`)),
  });
}
