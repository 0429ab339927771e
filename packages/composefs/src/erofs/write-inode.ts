import { writeAttributeEntry } from './attribute-table.ts';
import { writeEntries } from './directory-blocks.ts';
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
  /** Of the same bytes. Its methods check less than those of a buffer, which is most of what it takes to write an inode. */
  view: DataView;
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
function writeCompactHeader(inode: PlacedInode, { view }: InodeContext): void {
  const { ordered, shape, offset: at } = inode;
  const { permissions, uid, gid } = ordered.node.metadata;
  view.setUint16(at, shape.content.dataLayout, true);
  view.setUint16(at + 2, attributeCount(inode), true);
  view.setUint16(at + 4, typeOf(ordered).bits | permissions, true);
  view.setUint16(at + 6, ordered.linkCount, true);
  view.setUint32(at + 8, Number(shape.content.sizeBytes), true);
  view.setUint32(at + 16, unionField(inode), true);
  view.setUint32(at + 20, ordered.number, true);
  view.setUint16(at + 24, uid, true);
  view.setUint16(at + 26, gid, true);
}

/** `struct erofs_inode_extended`. */
function writeExtendedHeader(inode: PlacedInode, { view, format, nidOf }: InodeContext): void {
  const { ordered, shape, offset: at } = inode;
  const { permissions, uid, gid, mtimeSeconds, mtimeNanoseconds } = ordered.node.metadata;
  view.setUint16(at, shape.content.dataLayout | extendedBit, true);
  view.setUint16(at + 2, attributeCount(inode), true);
  view.setUint16(at + 4, typeOf(ordered).bits | permissions, true);
  view.setBigUint64(at + 8, BigInt(shape.content.sizeBytes), true);
  view.setUint32(at + 16, unionField(inode), true);
  view.setUint32(at + 20, format === 2 ? nidOf(ordered.number) : ordered.number, true);
  view.setUint32(at + 24, uid, true);
  view.setUint32(at + 28, gid, true);
  view.setBigInt64(at + 32, mtimeSeconds, true);
  view.setUint32(at + 40, format === 2 ? 0 : mtimeNanoseconds, true);
  view.setUint32(at + 44, ordered.linkCount, true);
}

/** `struct erofs_xattr_ibody_header`, the references to shared attributes, and the entries of the others. */
function writeAttributes({ attributes, shape, offset }: PlacedInode, context: InodeContext): void {
  if (attributes.length === 0) return;
  const { image, view, sharedWords } = context;
  const head = offset + shape.headerBytes;
  let filter = 0;
  let at = head + attributeHeadBytes;
  let sharedCount = 0;
  for (const { filterBit, sharedAt } of attributes) {
    filter |= filterBit;
    if (sharedAt < 0) continue;
    view.setUint32(at, sharedWords + sharedAt / 4, true);
    at += 4;
    sharedCount++;
  }
  view.setUint32(head, ~filter >>> 0, true);
  image[head + 4] = sharedCount;
  if (sharedCount === attributes.length) return;
  for (const attribute of attributes) {
    if (attribute.sharedAt >= 0) continue;
    writeAttributeEntry(image, at, attribute);
    at += attribute.entryBytes;
  }
}

function writeContent(inode: PlacedInode, context: InodeContext): void {
  const { ordered, shape, offset, blocksOffset } = inode;
  const { image, view } = context;
  const tail = offset + shape.headerBytes + shape.attributeBytes;
  const { node } = ordered;
  if (node.type === 'directory') {
    writeDirectory(inode, tail, context);
  } else if (node.type === 'symlink') {
    image.write(node.target, shape.content.blockCount > 0 ? blocksOffset : tail, 'latin1');
  } else if (node.type === 'file' && node.content.kind === 'inline') {
    const { data } = node.content;
    const inBlocks = data.length - shape.content.tailBytes;
    if (inBlocks > 0) image.set(data.subarray(0, inBlocks), blocksOffset);
    image.set(inBlocks > 0 ? data.subarray(inBlocks) : data, tail);
  } else if (shape.content.dataLayout === layoutChunks) {
    const [start, length] = shape.content.blockCount > 0 ? [blocksOffset, blockBytes] : [tail, shape.content.tailBytes];
    for (let at = start; at < start + length; at += 4) view.setUint32(at, nullChunk, true);
  }
}

function writeDirectory({ ordered, shape, blocksOffset }: PlacedInode, tail: number, context: InodeContext): void {
  const { names, targets } = ordered;
  const { nidOf } = context;
  const writePart = (at: number, first: number, end: number): void =>
    writeEntries(context, at, {
      names: names.slice(first, end),
      nids: targets.slice(first, end).map(({ number }) => nidOf(number)),
      fileTypes: targets.slice(first, end).map((target) => typeOf(target).dirent),
    });
  let first = 0;
  for (const [block, end] of shape.content.blockEnds.entries()) {
    writePart(blocksOffset + block * blockBytes, first, end);
    first = end;
  }
  writePart(tail, first, targets.length);
}
