import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import { invalidImage, isDirectory, openImage, readInode } from './open-image.ts';
import { readAttributes, readOverlayFacts } from './read-attributes.ts';
import { readEntries } from './read-content.ts';

/**
 * Digests of all objects that an image refers to: whatever a file of it may be read from. Garbage collection keeps exactly
 * these, so nothing reachable is left out; of a file that names two objects, both count.
 *
 * @throws CodedError `EROFS_INVALID` if the image is damaged; what it refers to is not known then.
 */
export function listImageObjects(content: Uint8Array, options: { algorithm: HashAlgorithm }): Set<string> {
  const image = openImage(content);
  const objects = new Set<string>();
  const seen = new Set<number>([image.rootNid]);
  const pending = [{ nid: image.rootNid, parentNid: image.rootNid }];
  for (const { nid, parentNid } of pending) {
    const inode = readInode(image, nid);
    const { metacopyDigest, redirectDigest } = readOverlayFacts(readAttributes(image, inode), options.algorithm);
    if (metacopyDigest !== undefined) objects.add(metacopyDigest);
    if (redirectDigest !== undefined) objects.add(redirectDigest);
    if (!isDirectory(inode)) continue;
    for (const child of readEntries(image, inode, parentNid)) {
      if (!seen.has(child.nid)) pending.push({ nid: child.nid, parentNid: nid });
      else if (isDirectory(readInode(image, child.nid))) throw invalidImage(`directory ${child.nid} has several names`);
      seen.add(child.nid);
    }
  }
  return objects;
}
