import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import type { ByteString, Directory, FileContent, Leaf, Metadata, Node } from '../tree/tree.ts';
import { countDirectoryLinks } from '../tree/walk.ts';
import { fileTypes, layoutChunks, typeMask } from './format.ts';
import { invalidImage, type OpenedImage, openImage, type RawInode, readInode } from './open-image.ts';
import { inputAttributes, type OverlayFacts, readAttributes, readOverlayFacts } from './read-attributes.ts';
import { readContent, readEntries } from './read-content.ts';
import { isStubName, isWhiteout } from './whiteouts.ts';

const typeOfBits = new Map(Object.entries(fileTypes).map(([type, { bits }]) => [bits as number, type as Node['type']]));

/**
 * The tree that an image was made of, without what {@link writeImage} put there: the whiteouts of the root, the attributes for
 * overlayfs, the disguise of whiteouts. Attribute values and contents are views of the image's bytes.
 *
 * Every offset and count is checked, so the image need not be trusted; it takes time and memory proportional to its size.
 *
 * @param options.only leaves out whatever it is false for, by its path (`usr/lib`, a byte string), and all below that.
 * @throws CodedError `EROFS_INVALID` if it is damaged or not made by composefs.
 */
export function readImage(
  content: Uint8Array,
  options: { algorithm: HashAlgorithm; only?: (path: ByteString) => boolean },
): Directory {
  const image = openImage(content);
  const leaves = new Map<number, Leaf>();
  const directories = new Set<number>();

  const { only } = options;
  const readDirectory = (inode: RawInode, parentNid: number, path: ByteString): PendingDirectory => {
    if (directories.has(inode.nid)) throw invalidImage(`directory ${inode.nid} has several names`);
    directories.add(inode.nid);
    const metadata = readMetadata(inode, inputAttributes(readAttributes(image, inode)));
    return { inode, parentNid, path, directory: { type: 'directory', metadata, entries: new Map() } };
  };
  const rootInode = readInode(image, image.rootNid);
  if (typeOf(rootInode) !== 'directory') throw invalidImage('its root is no directory');
  const root = readDirectory(rootInode, rootInode.nid, '');
  const pending = [root];
  for (const { inode, parentNid, path, directory } of pending) {
    let isWhole = true;
    for (const { name, nid, fileType } of readEntries(image, inode, parentNid)) {
      const childPath = path === '' ? name : `${path}/${name}`;
      if (only !== undefined && !only(childPath)) {
        isWhole = false;
        continue;
      }
      let leaf = leaves.get(nid);
      if (leaf === undefined) {
        const child = readInode(image, nid);
        const type = typeOf(child);
        if (fileTypes[type].dirent !== fileType) throw invalidImage(`entry ${name} of ${inode.nid} has a wrong type`);
        if (type === 'directory') {
          const next = readDirectory(child, inode.nid, childPath);
          directory.entries.set(name, next.directory);
          pending.push(next);
          continue;
        }
        leaf = readLeaf(image, child, type, options.algorithm);
        leaves.set(nid, leaf);
      }
      if (directory === root.directory && isStubName(name) && isWhiteout(leaf)) continue;
      directory.entries.set(name, leaf);
    }
    if (isWhole && inode.linkCount !== countDirectoryLinks(directory)) {
      throw invalidImage(`directory ${inode.nid} has ${inode.linkCount} links, not ${countDirectoryLinks(directory)}`);
    }
  }
  return root.directory;
}

interface PendingDirectory {
  inode: RawInode;
  parentNid: number;
  path: ByteString;
  directory: Directory;
}

function typeOf(inode: RawInode): Node['type'] {
  const type = typeOfBits.get(inode.mode & typeMask);
  if (type === undefined) throw invalidImage(`inode ${inode.nid} has the unknown mode ${inode.mode.toString(8)}`);
  return type;
}

function readMetadata(inode: RawInode, xattrs: Metadata['xattrs']): Metadata {
  const { uid, gid, mtimeSeconds, mtimeNanoseconds } = inode;
  return { permissions: inode.mode & 0o7777, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs };
}

function readLeaf(
  image: OpenedImage,
  inode: RawInode,
  type: Exclude<Node['type'], 'directory'>,
  algorithm: HashAlgorithm,
): Leaf {
  const attributes = readAttributes(image, inode);
  const facts = readOverlayFacts(attributes, algorithm);
  const metadata = readMetadata(inode, inputAttributes(attributes));
  switch (type) {
    case 'file':
      if (facts.isEscapedWhiteout && inode.sizeBytes === 0n) return { metadata, type: 'char-device', device: 0 };
      return { metadata, type, content: readFileContent(image, inode, facts) };
    case 'symlink':
      return { metadata, type, target: readTarget(image, inode) };
    case 'char-device':
    case 'block-device':
      return { metadata, type, device: inode.unionField };
    default:
      return { metadata, type };
  }
}

function readFileContent(image: OpenedImage, inode: RawInode, facts: OverlayFacts): FileContent {
  const { sizeBytes } = inode;
  if (facts.metacopyDigest !== undefined) return { kind: 'external', digest: facts.metacopyDigest, sizeBytes };
  if (facts.redirectDigest !== undefined) {
    return { kind: 'external-unverified', digest: facts.redirectDigest, sizeBytes };
  }
  if (inode.dataLayout === layoutChunks) return { kind: 'sparse', sizeBytes };
  return { kind: 'inline', data: readContent(image, inode) };
}

function readTarget(image: OpenedImage, inode: RawInode): string {
  const target = readContent(image, inode).toString('latin1');
  if (target === '' || target.includes('\0')) throw invalidImage(`symlink ${inode.nid} has no proper target`);
  return target;
}
