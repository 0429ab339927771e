import { CodedError } from '@workbench/run';
import { textOf } from '../tree/byte-string.ts';
import type { Attribute } from './attribute-table.ts';
import { spreadEntries } from './directory-blocks.ts';
import {
  attributeHeadBytes,
  blockBytes,
  chunkBitsMask,
  chunkEntryBytes,
  compactInodeBytes,
  type ErofsFormat,
  extendedInodeBytes,
  largestChunkBits,
  layoutChunks,
  layoutInline,
  layoutPlain,
  longestTailBytes,
  smallestChunkBits,
} from './format.ts';
import type { OrderedInode } from './inode-order.ts';

/** How an inode and its content are laid out; everything but where. */
export interface InodeShape {
  isCompact: boolean;
  headerBytes: number;
  attributeBytes: number;
  content: ContentShape;
}

/** How the content of an inode is laid out. */
export interface ContentShape {
  sizeBytes: number | bigint;
  dataLayout: number;
  /** Bytes that follow the attributes, and whole blocks elsewhere. */
  tailBytes: number;
  blockCount: number;
  /** Of a directory: {@link DirectoryBlocks.blockEnds}. */
  blockEnds: readonly number[];
  /** Of a chunked file: log2 of the chunk size, less 12. */
  chunkFormat: number;
}

/** Earliest modification time in an image. */
export interface EarliestTime {
  seconds: bigint;
  nanoseconds: number;
}

const noBlocks: readonly number[] = [];
const longestTargetBytes = 4095;
const most16 = 0xffff;
const most32 = 0xffffffff;

/**
 * Works out the shape of an inode. What attributes are shared has to be decided before.
 *
 * @throws CodedError `EROFS_LIMIT` for content or attributes that an image has no room for.
 */
export function shapeInode(
  inode: OrderedInode,
  attributes: readonly Attribute[],
  context: { format: ErofsFormat; earliest: EarliestTime },
): InodeShape {
  const attributeBytes = measureAttributes(attributes);
  const content = measureContent(inode, context.format, attributeBytes);
  const isCompact = context.format !== 2 && fitsCompact(inode, content.sizeBytes, context.earliest);
  const headerBytes = isCompact ? compactInodeBytes : extendedInodeBytes;
  const isLongSymlink =
    inode.node.type === 'symlink' &&
    context.format !== 2 &&
    headerBytes + attributeBytes + content.tailBytes >= blockBytes;
  return {
    isCompact,
    headerBytes,
    attributeBytes,
    content: isLongSymlink ? { ...content, dataLayout: layoutPlain, tailBytes: 0, blockCount: 1 } : content,
  };
}

function measureAttributes(attributes: readonly Attribute[]): number {
  if (attributes.length === 0) return 0;
  let bytes = attributeHeadBytes;
  let sharedCount = 0;
  for (const { sharedAt, entryBytes } of attributes) {
    if (sharedAt >= 0) sharedCount++;
    bytes += sharedAt >= 0 ? 4 : entryBytes;
  }
  if (sharedCount > 255 || (bytes - attributeHeadBytes) / 4 >= most16) {
    throw new CodedError('EROFS_LIMIT', `a file has too many extended attributes: ${attributes.length}`, {
      hint: 'an image has room for 255 that occur elsewhere too, and for 256 KiB of others; remove some',
    });
  }
  return bytes;
}

function fitsCompact({ node, linkCount }: OrderedInode, sizeBytes: number | bigint, earliest: EarliestTime): boolean {
  const { uid, gid, mtimeSeconds, mtimeNanoseconds } = node.metadata;
  return (
    uid <= most16 &&
    gid <= most16 &&
    linkCount <= most16 &&
    sizeBytes <= most32 &&
    mtimeNanoseconds === earliest.nanoseconds &&
    mtimeSeconds === earliest.seconds
  );
}

const noContent: ContentShape = {
  sizeBytes: 0,
  dataLayout: layoutPlain,
  tailBytes: 0,
  blockCount: 0,
  blockEnds: noBlocks,
  chunkFormat: 0,
};

function measureContent(inode: OrderedInode, format: ErofsFormat, attributeBytes: number): ContentShape {
  const { node } = inode;
  switch (node.type) {
    case 'directory': {
      const { blockEnds, tailBytes } = spreadEntries(inode.names);
      const blockCount = blockEnds.length;
      return { ...withTail(blockCount * blockBytes + tailBytes, tailBytes), blockCount, blockEnds };
    }
    case 'symlink':
      if (node.target.length > longestTargetBytes || node.target === '') {
        const shown = textOf(node.target.slice(0, 60));
        throw new CodedError('EROFS_LIMIT', `a symlink's target has ${node.target.length} bytes: ${shown}`, {
          hint: 'Linux follows targets of 1 to 4095 bytes only; remove the symlink',
        });
      }
      return besideInode(node.target.length);
    case 'file':
      if (node.content.kind !== 'inline') {
        return format === 2
          ? legacyChunks(node.content.sizeBytes, node.content.kind === 'external')
          : measureChunks(node.content.sizeBytes, attributeBytes);
      }
      return measureInline(node.content.data.length, format);
    default:
      return noContent;
  }
}

// Small files are most of a tree, and those of one size have the same shape.
const smallBytes = 64;
const smallShapes: ContentShape[] = [];

function besideInode(sizeBytes: number): ContentShape {
  if (sizeBytes > smallBytes) return withTail(sizeBytes, sizeBytes);
  smallShapes[sizeBytes] ??= withTail(sizeBytes, sizeBytes);
  return smallShapes[sizeBytes];
}

function withTail(sizeBytes: number, tailBytes: number): ContentShape {
  return { ...noContent, sizeBytes, tailBytes, dataLayout: tailBytes === 0 ? layoutPlain : layoutInline };
}

function measureInline(sizeBytes: number, format: ErofsFormat): ContentShape {
  if (format === 2) {
    // All of it lies beside the inode, where the kernel expects less than a block.
    if (sizeBytes < blockBytes) return besideInode(sizeBytes);
    throw new CodedError(
      'EROFS_LIMIT',
      `a file with ${sizeBytes} bytes in the image itself is too large for format 2`,
      {
        hint: 'make the file external, or use format 1',
      },
    );
  }
  if (sizeBytes <= longestTailBytes) return besideInode(sizeBytes);
  const rest = sizeBytes % blockBytes;
  const tailBytes = rest > longestTailBytes ? 0 : rest;
  return { ...withTail(sizeBytes, tailBytes), blockCount: Math.ceil((sizeBytes - tailBytes) / blockBytes) };
}

function measureChunks(sizeBytes: bigint, attributeBytes: number): ContentShape {
  const { chunkBits, chunkCount } = sizeBytes <= 0xffffffffn ? oneChunk(Number(sizeBytes)) : chunksOf(sizeBytes);
  const bytes = chunkCount * chunkEntryBytes;
  // An index that cannot stay beside its inode gets one block, as mkcomposefs has it.
  const hasBlock = bytes + (attributeBytes % 32) > blockBytes;
  return {
    sizeBytes,
    dataLayout: layoutChunks,
    tailBytes: hasBlock ? 0 : bytes,
    blockCount: hasBlock ? 1 : 0,
    blockEnds: noBlocks,
    chunkFormat: chunkBits - smallestChunkBits,
  };
}

// The same as `chunksOf` for what is nearly every file, without the cost of its numbers.
function oneChunk(sizeBytes: number): { chunkBits: number; chunkCount: number } {
  const neededBits = 32 - Math.clz32(Math.max(sizeBytes - 1, 1));
  return { chunkBits: Math.max(neededBits, smallestChunkBits), chunkCount: sizeBytes === 0 ? 0 : 1 };
}

function chunksOf(sizeBytes: bigint): { chunkBits: number; chunkCount: number } {
  const neededBits = (sizeBytes - 1n).toString(2).length;
  const chunkBits = Math.min(neededBits, largestChunkBits);
  return { chunkBits, chunkCount: Number((sizeBytes + (1n << BigInt(chunkBits)) - 1n) >> BigInt(chunkBits)) };
}

function legacyChunks(sizeBytes: bigint, isExternal: boolean): ContentShape {
  const tailBytes = isExternal ? chunkEntryBytes : 0;
  return { ...noContent, sizeBytes, dataLayout: layoutChunks, chunkFormat: chunkBitsMask, tailBytes };
}
