import { CodedError } from '@workbench/run';
import { listImageObjects } from '../erofs/list-objects.ts';
import { readImage } from '../erofs/read-image.ts';
import { writeImage } from '../erofs/write-image.ts';
import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import { computeVerity } from '../fsverity/digest.ts';
import type { Directory } from '../tree/tree.ts';
import { checkReferenceName, findReference, linkedDigest } from './links.ts';
import type { ErofsFormat } from './metadata.ts';
import { readObject } from './objects.ts';
import type { Repository } from './repository.ts';
import { storeObject } from './store-object.ts';

/** The digest that the image of a tree has, without storing it. */
export function computeImageId(root: Directory, options: { algorithm: HashAlgorithm; format: ErofsFormat }): string {
  return computeVerity(writeImage(root, options), options.algorithm);
}

/** Writes the image of a tree and stores it. It has no name yet; see `commitLinks`. @returns its digest. */
export async function storeImage(repository: Repository, root: Directory, format: ErofsFormat): Promise<string> {
  const image = writeImage(root, { format, algorithm: repository.algorithm });
  return (await storeObject(repository, image)).digest;
}

/**
 * The digest of an image by its name: the digest itself, or a reference, with or without `refs/`.
 *
 * @throws CodedError `IMAGE_MISSING`; `IMAGE_MISMATCH` if the link with that digest as its name leads to another image.
 */
export function findImage(repository: Repository, name: string): string {
  checkReferenceName(name);
  const direct = name.startsWith('refs/') ? undefined : linkedImage(repository, name);
  if (direct !== undefined) return direct;
  const reference = name.startsWith('refs/') ? name : `refs/${name}`;
  const target = findReference(repository, 'images', reference);
  const digest = target === undefined ? undefined : linkedImage(repository, target);
  if (digest !== undefined) return digest;
  throw new CodedError('IMAGE_MISSING', `${repository.path} has no image ${name}`, {
    hint: 'list the images there are in its folder images/',
  });
}

function linkedImage(repository: Repository, name: string): string | undefined {
  const digest = linkedDigest(repository, 'images', name);
  if (digest === undefined || digest === name) return digest;
  throw new CodedError('IMAGE_MISMATCH', `images/${name} in ${repository.path} leads to the image ${digest}`, {
    hint: 'somebody changed that link; remove it, and import the image anew',
  });
}

/** The tree of an image. @throws CodedError if it is damaged; `OBJECT_MISSING`. */
export function readImageTree(repository: Repository, digest: string): Directory {
  return readImage(readObject(repository, digest), { algorithm: repository.algorithm });
}

/** Digests of all objects that an image refers to. @throws as {@link readImageTree}. */
export function readImageObjects(repository: Repository, digest: string): Set<string> {
  return listImageObjects(readObject(repository, digest), { algorithm: repository.algorithm });
}
