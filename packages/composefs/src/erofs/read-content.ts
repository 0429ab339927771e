import type { ByteString } from '../tree/tree.ts';
import { blockBytes, direntBytes, layoutChunks, layoutInline } from './format.ts';
import { checkRange, invalidImage, type OpenedImage, type RawInode } from './open-image.ts';

/** The pieces of an inode's content: its whole blocks, then its tail beside the inode. Views of the image. */
function contentPieces(image: OpenedImage, inode: RawInode): Buffer[] {
  if (inode.dataLayout === layoutChunks) throw invalidImage(`inode ${inode.nid} has no content of its own`);
  if (inode.sizeBytes > BigInt(image.bytes.length)) throw invalidImage(`inode ${inode.nid} is larger than the image`);
  const size = Number(inode.sizeBytes);
  image.claim(size);
  const tailBytes = inode.dataLayout === layoutInline ? size % blockBytes : 0;
  const blocksAt = inode.unionField * blockBytes;
  const tailAt = inode.attributesAt + inode.attributeBytes;
  const pieces: Buffer[] = [];
  if (size > tailBytes) {
    checkRange(image, blocksAt, size - tailBytes, `content of inode ${inode.nid}`);
    pieces.push(image.bytes.subarray(blocksAt, blocksAt + size - tailBytes));
  }
  if (tailBytes > 0) {
    checkRange(image, tailAt, tailBytes, `content of inode ${inode.nid}`);
    pieces.push(image.bytes.subarray(tailAt, tailAt + tailBytes));
  }
  return pieces;
}

/** Content of a file or symlink that the image itself holds; a view of the image where possible. */
export function readContent(image: OpenedImage, inode: RawInode): Buffer {
  const [first, ...more] = contentPieces(image, inode);
  if (first === undefined) return Buffer.alloc(0);
  return more.length === 0 ? first : Buffer.concat([first, ...more]);
}

/** An entry of a directory. */
export interface RawEntry {
  name: ByteString;
  nid: number;
  fileType: number;
}

/**
 * The entries of a directory in byte order of the name, without `.` and `..`.
 *
 * @throws CodedError `EROFS_INVALID` also if an entry occurs twice or out of order, where lookups of the kernel would miss it, or if
 * `.` or `..` lead elsewhere than to the directory and its parent.
 */
export function readEntries(image: OpenedImage, directory: RawInode, parentNid: number): RawEntry[] {
  const entries: RawEntry[] = [];
  for (const piece of contentPieces(image, directory)) {
    for (let at = 0; at < piece.length; at += blockBytes) {
      readBlock(piece.subarray(at, at + blockBytes), directory.nid, entries);
    }
  }
  const own = entries.find(({ name }) => name === '.');
  const parent = entries.find(({ name }) => name === '..');
  if (own?.nid !== directory.nid || parent?.nid !== parentNid) {
    throw invalidImage(`directory ${directory.nid} has no right . and ..`);
  }
  return entries.filter((entry) => entry !== own && entry !== parent);
}

/** Reads the entries of a block, which follow those that were read before. */
function readBlock(block: Buffer, nid: number, entries: RawEntry[]): void {
  const broken = () => invalidImage(`a block of directory ${nid} is broken`);
  if (block.length < direntBytes) throw broken();
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const namesAt = view.getUint16(8, true);
  if (namesAt < direntBytes || namesAt > block.length || namesAt % direntBytes !== 0) throw broken();
  let previous = entries.at(-1)?.name ?? '';
  for (let at = 0; at < namesAt; at += direntBytes) {
    const start = view.getUint16(at + 8, true);
    const isLast = at + direntBytes === namesAt;
    const limit = isLast ? block.length : view.getUint16(at + direntBytes + 8, true);
    if (start < namesAt || start >= limit || limit > block.length) throw broken();
    // Only the last name is followed by padding.
    const zero = isLast ? block.indexOf(0, start) : -1;
    const name = block.toString('latin1', start, zero < 0 ? limit : zero);
    if (name === '' || name.includes('\0') || name.includes('/')) throw broken();
    if (name <= previous) throw invalidImage(`entries of directory ${nid} are out of order`);
    previous = name;
    const high = view.getUint32(at + 4, true);
    const low = view.getUint32(at, true);
    entries.push({ name, nid: high * 2 ** 32 + low, fileType: block[at + 10] as number });
  }
}
