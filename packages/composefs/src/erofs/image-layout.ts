import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import type { Directory } from '../tree/tree.ts';
import { type Attribute, createAttributeTable } from './attribute-table.ts';
import {
  blockBytes,
  type ErofsFormat,
  layoutChunks,
  layoutInline,
  roundUp,
  slotBytes,
  superblockBytes,
  superblockOffset,
} from './format.ts';
import { collectAttributes } from './inode-attributes.ts';
import { type OrderedInode, orderInodes } from './inode-order.ts';
import { type EarliestTime, type InodeShape, shapeInode } from './inode-shape.ts';

/** An inode with its place in the image. */
export interface PlacedInode {
  ordered: OrderedInode;
  attributes: readonly Attribute[];
  shape: InodeShape;
  /** Byte offset of the inode, and of its first block of data (0 if it has none). */
  offset: number;
  blocksOffset: number;
}

/** Everything that has to be known before the first byte is written. */
export interface ImageLayout {
  inodes: PlacedInode[];
  earliest: EarliestTime;
  /** Byte offset where the inodes end and the shared attributes begin. */
  inodesEnd: number;
  shared: Attribute[];
  totalBytes: number;
}

/** Lays out the image of a tree. @throws CodedError `EROFS_LIMIT` for what an image has no room for. */
export function layOutImage(root: Directory, options: { format: ErofsFormat; algorithm: HashAlgorithm }): ImageLayout {
  const { format, algorithm } = options;
  const ordered = orderInodes(root, format);
  const table = createAttributeTable(format);
  const attributes = ordered.map((inode) => collectAttributes(inode, { format, algorithm, table }));
  const { shared, sharedBytes } = table.share();
  const earliest = earliestTime(ordered);

  let position = superblockOffset + superblockBytes;
  const inodes = ordered.map((inode, index): PlacedInode => {
    const own = attributes[index] as readonly Attribute[];
    const shape = shapeInode(inode, own, { format, earliest });
    const start = roundUp(position, slotBytes);
    const offset = start + (format === 2 ? legacyPadding(start, shape) : padding(start, shape, inode));
    position = offset + shape.headerBytes + shape.attributeBytes + shape.content.tailBytes;
    return { ordered: inode, attributes: own, shape, offset, blocksOffset: 0 };
  });
  const inodesEnd = roundUp(position, slotBytes);
  let totalBytes = roundUp(inodesEnd + sharedBytes, blockBytes);
  for (const inode of inodes) {
    if (inode.shape.content.blockCount === 0) continue;
    inode.blocksOffset = totalBytes;
    totalBytes += inode.shape.content.blockCount * blockBytes;
  }
  return { inodes, earliest, inodesEnd, shared, totalBytes };
}

function earliestTime(inodes: readonly OrderedInode[]): EarliestTime {
  // The seconds are compared without sign, so that a time before 1970 is the latest.
  let unsigned = 2n ** 64n;
  let nanoseconds = 0;
  for (const { node } of inodes) {
    const { mtimeSeconds, mtimeNanoseconds } = node.metadata;
    const seconds = mtimeSeconds >= 0n ? mtimeSeconds : BigInt.asUintN(64, mtimeSeconds);
    if (seconds < unsigned || (seconds === unsigned && mtimeNanoseconds < nanoseconds)) {
      unsigned = seconds;
      nanoseconds = mtimeNanoseconds;
    }
  }
  return { seconds: BigInt.asIntN(64, unsigned), nanoseconds };
}

/** How far an inode of format 0 or 1 is moved, so that its tail does not lie across a block boundary. */
function padding(start: number, shape: InodeShape, inode: OrderedInode): number {
  const metadataBytes = shape.headerBytes + shape.attributeBytes;
  const toNextBlock = roundUp(start, blockBytes) - start;
  if (inode.node.type === 'symlink') {
    const size = Number(shape.content.sizeBytes);
    if (shape.content.dataLayout === layoutInline) {
      return (start % blockBytes) + metadataBytes + (size % blockBytes) > blockBytes ? toNextBlock : 0;
    }
    // The last byte is where it would be were the target beside the inode.
    return blockOf(start) === blockOf(start + metadataBytes + size - 1) ? 0 : toNextBlock;
  }
  if (shape.content.dataLayout === layoutChunks && shape.content.blockCount > 0) return toNextBlock;
  const room = roundUp(start + metadataBytes, blockBytes) - (start + metadataBytes);
  return room > 0 && room < shape.content.tailBytes ? roundUp(room, slotBytes) : 0;
}

function legacyPadding(start: number, shape: InodeShape): number {
  if (shape.content.dataLayout !== layoutInline) return 0;
  const metadataEnd = start + shape.headerBytes + shape.attributeBytes;
  // One past the end of the tail is compared, not its last byte, as the first composefs-rs did.
  const tailEnd = metadataEnd + (Number(shape.content.sizeBytes) % blockBytes);
  if (blockOf(metadataEnd - 1) === blockOf(tailEnd)) return 0;
  return roundUp(start + blockBytes - ((metadataEnd - 1) % blockBytes), slotBytes) - start;
}

function blockOf(offset: number): number {
  return Math.floor(offset / blockBytes);
}
