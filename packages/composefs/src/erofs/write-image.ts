import { CodedError } from '@workbench/run';
import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import type { Directory } from '../tree/tree.ts';
import { writeAttributeEntry } from './attribute-table.ts';
import {
  blockBytes,
  composefsMagic,
  composefsVersion,
  type ErofsFormat,
  erofsMagic,
  featuresWritten,
  headerFlagAcl,
  slotBytes,
  superblockOffset,
} from './format.ts';
import { type ImageLayout, layOutImage, type PlacedInode } from './image-layout.ts';
import { writeInode } from './write-inode.ts';

/** What image is made of a tree. */
export interface ImageOptions {
  format: ErofsFormat;
  /** What the digests in the tree are of: it shows in the image. */
  algorithm: HashAlgorithm;
}

// Addresses of blocks have 32 bits.
const mostBytes = 2 ** 32 * blockBytes;

/**
 * The EROFS image of a tree, byte for byte as composefs-rs 0.9 makes it in this format: all metadata and small files, and where
 * overlayfs finds the content of the others. The id of an image is the fs-verity digest of these bytes. The tree is not changed.
 *
 * @throws CodedError `EROFS_LIMIT` for what the format has no room for.
 */
export function writeImage(root: Directory, options: ImageOptions): Buffer {
  const layout = layOutImage(root, options);
  if (layout.totalBytes > mostBytes) {
    throw new CodedError('EROFS_LIMIT', `the image would have ${layout.totalBytes} bytes`, {
      hint: 'an image holds names and metadata only; split the tree',
    });
  }
  const image = Buffer.alloc(layout.totalBytes);
  writeHeader(image, layout, options.format);
  writeSuperblock(image, layout, options.format);
  // References count words from the block where the inodes end; in format 2 from the beginning of the image.
  const referenceBase = options.format === 2 ? 0 : layout.inodesEnd - (layout.inodesEnd % blockBytes);
  const nidOf = (index: number) => (layout.inodes[index] as PlacedInode).offset / slotBytes;
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const context = { image, view, format: options.format, nidOf, sharedWords: (layout.inodesEnd - referenceBase) / 4 };
  for (const inode of layout.inodes) writeInode(inode, context);
  for (const attribute of layout.shared) writeAttributeEntry(image, layout.inodesEnd + attribute.sharedAt, attribute);
  return image;
}

function writeHeader(image: Buffer, layout: ImageLayout, format: ErofsFormat): void {
  const hasAcl = format !== 2 && layout.inodes.some(({ attributes }) => attributes.some(({ index }) => isAcl(index)));
  image.writeUInt32LE(composefsMagic, 0);
  image.writeUInt32LE(composefsVersion, 4);
  image.writeUInt32LE(hasAcl ? headerFlagAcl : 0, 8);
  image.writeUInt32LE(format, 12);
}

/** Whether a prefix is one of the two of POSIX access lists. */
function isAcl(prefixIndex: number): boolean {
  return prefixIndex === 2 || prefixIndex === 3;
}

/** `struct erofs_super_block`; what is not set is zero. */
function writeSuperblock(image: Buffer, layout: ImageLayout, format: ErofsFormat): void {
  const at = superblockOffset;
  image.writeUInt32LE(erofsMagic, at);
  image.writeUInt32LE(featuresWritten, at + 8);
  image[at + 12] = Math.log2(blockBytes);
  image.writeUInt16LE(((layout.inodes[0] as PlacedInode).offset / slotBytes) & 0xffff, at + 14);
  image.writeBigUInt64LE(BigInt(layout.inodes.length), at + 16);
  if (format !== 2) {
    image.writeBigInt64LE(layout.earliest.seconds, at + 24);
    image.writeUInt32LE(layout.earliest.nanoseconds, at + 32);
    image.writeUInt32LE(Math.floor(layout.inodesEnd / blockBytes), at + 44);
  }
  image.writeUInt32LE(layout.totalBytes / blockBytes, at + 36);
}
