import { writeAttributeEntry } from './attribute-table.ts';
import { type WrittenEntry, writeEntries } from './directory-blocks.ts';
import {
  attributeHeadBytes,
  blockBytes,
  type ErofsFormat,
  extendedBit,
  fileTypes,
  layoutChunks,
  nullChunk,
} from './format.ts';
import type { PlacedInode } from './image-layout.ts';
import type { OrderedInode } from './inode-order.ts';

/** Where inodes are written to, and what they refer to. */
export interface InodeContext {
  /** Zero where nothing was written yet. */
  image: Buffer;
  format: ErofsFormat;
  /** The node number of the inode at a place in the image's order. */
  nidOf(index: number): number;
  /** Words from where references are counted to the shared attributes. */
  sharedWords: number;
}

/** Writes an inode, its attributes, and its content beside it and in blocks. */
export function writeInode(inode: PlacedInode, context: InodeContext): void {
  if (inode.shape.isCompact) writeCompactHeader(inode, context);
  else writeExtendedHeader(inode, context);
  writeAttributes(inode, context);
  writeContent(inode, context);
}

function typeOf({ node, isEscapedWhiteout }: OrderedInode) {
  return fileTypes[isEscapedWhiteout ? 'file' : node.type];
}

/** i_u: address of the first block, device number, or the format of chunks. */
function unionField({ ordered: { node, isEscapedWhiteout }, shape, blocksOffset }: PlacedInode): number {
  if (isEscapedWhiteout) return 0;
  const address = blocksOffset / blockBytes;
  // An index in a block of its own: mkcomposefs puts both numbers into the field.
  if (shape.content.dataLayout === layoutChunks)
    return (((address & 0xffff0000) >>> 0) | shape.content.chunkFormat) >>> 0;
  return node.type === 'char-device' || node.type === 'block-device' ? node.device : address;
}

function attributeCount({ shape }: PlacedInode): number {
  return shape.attributeBytes === 0 ? 0 : 1 + (shape.attributeBytes - attributeHeadBytes) / 4;
}

/** `struct erofs_inode_compact`. */
function writeCompactHeader(inode: PlacedInode, { image }: InodeContext): void {
  const { ordered, shape, offset: at } = inode;
  const { permissions, uid, gid } = ordered.node.metadata;
  image.writeUInt16LE(shape.content.dataLayout, at);
  image.writeUInt16LE(attributeCount(inode), at + 2);
  image.writeUInt16LE(typeOf(ordered).bits | permissions, at + 4);
  image.writeUInt16LE(ordered.linkCount, at + 6);
  image.writeUInt32LE(Number(shape.content.sizeBytes), at + 8);
  image.writeUInt32LE(unionField(inode), at + 16);
  image.writeUInt32LE(ordered.number, at + 20);
  image.writeUInt16LE(uid, at + 24);
  image.writeUInt16LE(gid, at + 26);
}

/** `struct erofs_inode_extended`. */
function writeExtendedHeader(inode: PlacedInode, { image, format, nidOf }: InodeContext): void {
  const { ordered, shape, offset: at } = inode;
  const { permissions, uid, gid, mtimeSeconds, mtimeNanoseconds } = ordered.node.metadata;
  image.writeUInt16LE(shape.content.dataLayout | extendedBit, at);
  image.writeUInt16LE(attributeCount(inode), at + 2);
  image.writeUInt16LE(typeOf(ordered).bits | permissions, at + 4);
  image.writeBigUInt64LE(BigInt(shape.content.sizeBytes), at + 8);
  image.writeUInt32LE(unionField(inode), at + 16);
  image.writeUInt32LE(format === 2 ? nidOf(ordered.number) : ordered.number, at + 20);
  image.writeUInt32LE(uid, at + 24);
  image.writeUInt32LE(gid, at + 28);
  image.writeBigInt64LE(mtimeSeconds, at + 32);
  image.writeUInt32LE(format === 2 ? 0 : mtimeNanoseconds, at + 40);
  image.writeUInt32LE(ordered.linkCount, at + 44);
}

/** `struct erofs_xattr_ibody_header`, the references to shared attributes, and the entries of the others. */
function writeAttributes({ attributes, shape, offset }: PlacedInode, { image, sharedWords }: InodeContext): void {
  if (attributes.length === 0) return;
  const head = offset + shape.headerBytes;
  let filter = 0;
  let at = head + attributeHeadBytes;
  let sharedCount = 0;
  for (const { filterBit, sharedAt } of attributes) {
    filter |= filterBit;
    if (sharedAt < 0) continue;
    image.writeUInt32LE(sharedWords + sharedAt / 4, at);
    at += 4;
    sharedCount++;
  }
  image.writeUInt32LE(~filter >>> 0, head);
  image[head + 4] = sharedCount;
  for (const attribute of attributes) {
    if (attribute.sharedAt >= 0) continue;
    writeAttributeEntry(image, at, attribute);
    at += attribute.entryBytes;
  }
}

function writeContent(inode: PlacedInode, context: InodeContext): void {
  const { ordered, shape, offset, blocksOffset } = inode;
  const { image } = context;
  const tail = offset + shape.headerBytes + shape.attributeBytes;
  const { node } = ordered;
  if (node.type === 'directory') {
    writeDirectory(inode, tail, context);
  } else if (node.type === 'symlink') {
    image.write(node.target, shape.content.blockCount > 0 ? blocksOffset : tail, 'latin1');
  } else if (node.type === 'file' && node.content.kind === 'inline') {
    const { data } = node.content;
    const inBlocks = data.length - shape.content.tailBytes;
    image.set(data.subarray(0, inBlocks), blocksOffset);
    image.set(data.subarray(inBlocks), tail);
  } else if (shape.content.dataLayout === layoutChunks) {
    const [start, length] = shape.content.blockCount > 0 ? [blocksOffset, blockBytes] : [tail, shape.content.tailBytes];
    for (let at = start; at < start + length; at += 4) image.writeUInt32LE(nullChunk, at);
  }
}

function writeDirectory({ ordered, shape, blocksOffset }: PlacedInode, tail: number, context: InodeContext): void {
  const { names, targets } = ordered;
  const entriesOf = (start: number, end: number): WrittenEntry[] =>
    targets.slice(start, end).map((inode, i) => ({
      name: names[start + i] as string,
      nid: context.nidOf(inode.number),
      fileType: typeOf(inode).dirent,
    }));
  let start = 0;
  for (const [block, end] of shape.content.blockEnds.entries()) {
    writeEntries(context.image, blocksOffset + block * blockBytes, entriesOf(start, end));
    start = end;
  }
  writeEntries(context.image, tail, entriesOf(start, targets.length));
}
