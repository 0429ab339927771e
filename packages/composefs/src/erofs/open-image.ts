import { CodedError } from '@workbench/run';
import {
  blockBytes,
  compactInodeBytes,
  composefsMagic,
  composefsVersion,
  type ErofsFormat,
  erofsFormats,
  erofsMagic,
  extendedBit,
  extendedInodeBytes,
  featureChecksum,
  featureChunkedFile,
  featuresWritten,
  layoutChunks,
  layoutInline,
  layoutPlain,
  slotBytes,
  superblockBytes,
  superblockOffset,
  typeMask,
} from './format.ts';

/** An image whose superblock was checked. Nothing of its other content was looked at yet. */
export interface OpenedImage {
  bytes: Buffer;
  /** The same bytes. Its methods check less than those of a buffer, which is most of what it takes to read an inode. */
  view: DataView;
  format: ErofsFormat;
  rootNid: number;
  /** Time of compact inodes. */
  buildTimeSeconds: bigint;
  buildTimeNanoseconds: number;
  /** Byte offset from which references to shared attributes count. */
  sharedBase: number;
  /**
   * Notes that attributes or content of an inode were read. Each byte of a sound image belongs to one inode, so that more of
   * both than bytes is refused: a small image cannot make its reader work or remember without end.
   */
  claim(inodeBytes: number): void;
}

/** An inode as it stands in an image. */
export interface RawInode {
  nid: number;
  isCompact: boolean;
  dataLayout: number;
  /** Type and permissions. */
  mode: number;
  linkCount: number;
  sizeBytes: bigint;
  /** i_u: address of the first block, or device number. */
  unionField: number;
  uid: number;
  gid: number;
  mtimeSeconds: bigint;
  mtimeNanoseconds: number;
  /** Where its attributes begin, and their size (0 if there are none). */
  attributesAt: number;
  attributeBytes: number;
}

/** An error about an image that is damaged or was not made for composefs. */
export function invalidImage(problem: string): CodedError {
  return new CodedError('EROFS_INVALID', `not a sound composefs image: ${problem}`, {
    hint: 'the file is damaged, or of another kind; remove it and make the image anew',
  });
}

/** @throws CodedError `EROFS_INVALID` unless `length` bytes from `offset` lie within the image. */
export function checkRange(image: OpenedImage, offset: number, length: number, what: string): void {
  if (offset >= 0 && length >= 0 && offset + length <= image.bytes.length) return;
  throw invalidImage(`${what} at byte ${offset} lies outside of it`);
}

/**
 * Checks the header and the superblock of an image: only what composefs needs is allowed, since no other feature was
 * ever written by it.
 *
 * @throws CodedError `EROFS_INVALID`.
 */
export function openImage(content: Uint8Array): OpenedImage {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  if (bytes.length < superblockOffset + superblockBytes) throw invalidImage(`it has only ${bytes.length} bytes`);
  const at = superblockOffset;
  const expected: [what: string, found: number, wanted: number][] = [
    ['composefs magic', bytes.readUInt32LE(0), composefsMagic],
    ['composefs version', bytes.readUInt32LE(4), composefsVersion],
    ['EROFS magic', bytes.readUInt32LE(at), erofsMagic],
    ['block size bits', bytes.readUInt8(at + 12), Math.log2(blockBytes)],
    ['extra slots', bytes.readUInt8(at + 13), 0],
    ['metadata address', bytes.readUInt32LE(at + 40), 0],
    ['compatible features', bytes.readUInt32LE(at + 8) & ~(featuresWritten | featureChecksum), 0],
    ['incompatible features', bytes.readUInt32LE(at + 80) & ~featureChunkedFile, 0],
    ['compression algorithms', bytes.readUInt16LE(at + 84), 0],
    ['extra devices', bytes.readUInt16LE(at + 86), 0],
    ['directory block bits', bytes.readUInt8(at + 90), 0],
    ['attribute prefixes', bytes.readUInt8(at + 91), 0],
    ['packed inode', bytes.readUInt32LE(at + 96) | bytes.readUInt32LE(at + 100), 0],
  ];
  for (const [what, found, wanted] of expected) {
    if (found !== wanted) throw invalidImage(`${what} is ${found >>> 0}, not ${wanted >>> 0}`);
  }
  const format = erofsFormats.find((known) => known === bytes.readUInt32LE(12));
  if (format === undefined) throw invalidImage(`its format ${bytes.readUInt32LE(12)} is not known`);
  const buildTimeNanoseconds = bytes.readUInt32LE(at + 32);
  checkNanoseconds(buildTimeNanoseconds);
  let unclaimed = bytes.length;
  return {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    format,
    rootNid: bytes.readUInt16LE(at + 14),
    buildTimeSeconds: bytes.readBigInt64LE(at + 24),
    buildTimeNanoseconds,
    sharedBase: bytes.readUInt32LE(at + 44) * blockBytes,
    claim(inodeBytes) {
      unclaimed -= inodeBytes;
      if (unclaimed < 0) throw invalidImage('its files claim more content than it holds');
    },
  };
}

function checkNanoseconds(nanoseconds: number): void {
  if (nanoseconds >= 1_000_000_000) throw invalidImage(`a time has ${nanoseconds} nanoseconds`);
}

/** Reads the inode of a number. @throws CodedError `EROFS_INVALID`. */
export function readInode(image: OpenedImage, nid: number): RawInode {
  const { view } = image;
  const at = nid * slotBytes;
  checkRange(image, at, compactInodeBytes, `inode ${nid}`);
  const inodeFormat = view.getUint16(at, true);
  const isCompact = (inodeFormat & extendedBit) === 0;
  const dataLayout = inodeFormat & ~extendedBit;
  if (dataLayout !== layoutPlain && dataLayout !== layoutInline && dataLayout !== layoutChunks) {
    throw invalidImage(`inode ${nid} has the unknown format ${inodeFormat}`);
  }
  const headerBytes = isCompact ? compactInodeBytes : extendedInodeBytes;
  const attributeCount = view.getUint16(at + 2, true);
  const attributeBytes = attributeCount === 0 ? 0 : 12 + (attributeCount - 1) * 4;
  checkRange(image, at, headerBytes + attributeBytes, `inode ${nid}`);
  const mtimeNanoseconds = isCompact ? image.buildTimeNanoseconds : view.getUint32(at + 40, true);
  checkNanoseconds(mtimeNanoseconds);
  return {
    nid,
    isCompact,
    dataLayout,
    mode: view.getUint16(at + 4, true),
    linkCount: isCompact ? view.getUint16(at + 6, true) : view.getUint32(at + 44, true),
    sizeBytes: isCompact ? BigInt(view.getUint32(at + 8, true)) : view.getBigUint64(at + 8, true),
    unionField: view.getUint32(at + 16, true),
    uid: isCompact ? view.getUint16(at + 24, true) : view.getUint32(at + 24, true),
    gid: isCompact ? view.getUint16(at + 26, true) : view.getUint32(at + 28, true),
    mtimeSeconds: isCompact ? image.buildTimeSeconds : view.getBigInt64(at + 32, true),
    mtimeNanoseconds,
    attributesAt: at + headerBytes,
    attributeBytes,
  };
}

/** Whether an inode is a directory. */
export function isDirectory(inode: RawInode): boolean {
  return (inode.mode & typeMask) === 0o040000;
}
