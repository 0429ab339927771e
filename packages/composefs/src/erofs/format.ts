/**
 * Numbers of the EROFS on-disk format (Linux, fs/erofs/erofs_fs.h) and of what composefs puts around it
 * (composefs, libcomposefs/lcfs-erofs.h). All integers on disk are little-endian.
 */

/**
 * How an image is laid out: 0 and 1 as mkcomposefs does (1 marks directories with escaped whiteouts as opaque too), 2 as
 * composefs-rs did at first. The same tree gives another image, and another digest, in each.
 */
export type ErofsFormat = 0 | 1 | 2;

/** All formats. */
export const erofsFormats = [0, 1, 2] as const satisfies readonly ErofsFormat[];

export const blockBytes = 4096;
/** Inodes begin at multiples of this; their number (nid) is the offset divided by it. */
export const slotBytes = 32;
/** Longest end of a directory or file that stays beside its inode. */
export const longestTailBytes = blockBytes / 2;

export const composefsMagic = 0xd078629a;
export const composefsVersion = 1;
export const headerFlagAcl = 1;

export const superblockOffset = 1024;
export const superblockBytes = 128;
export const erofsMagic = 0xe0f5e1e2;
/** EROFS_FEATURE_COMPAT_SB_CHKSUM. */
export const featureChecksum = 1;
/** EROFS_FEATURE_COMPAT_MTIME and EROFS_FEATURE_COMPAT_XATTR_FILTER. */
export const featuresWritten = 2 | 4;
/** EROFS_FEATURE_INCOMPAT_CHUNKED_FILE. */
export const featureChunkedFile = 4;

export const compactInodeBytes = 32;
export const extendedInodeBytes = 64;
/** Bit of i_format that says which of the two it is. */
export const extendedBit = 1;
/** Data layouts, as they stand in i_format. */
export const layoutPlain = 0 << 1;
export const layoutInline = 2 << 1;
export const layoutChunks = 4 << 1;

export const smallestChunkBits = 12;
export const largestChunkBits = 43;
/** A chunk that is nowhere: a hole. */
export const nullChunk = 0xffffffff;
export const chunkEntryBytes = 4;
/** Largest exponent that i_u has room for; format 2 always claims chunks of this size. */
export const chunkBitsMask = 31;

export const direntBytes = 12;
export const attributeHeadBytes = 12;
/** EROFS_XATTR_FILTER_SEED. */
export const filterSeed = 0x25bbe08f;

/** Type bits of st_mode, and file types of directory entries (linux/fs_types.h). */
export const fileTypes = {
  file: { bits: 0o100000, dirent: 1 },
  directory: { bits: 0o040000, dirent: 2 },
  'char-device': { bits: 0o020000, dirent: 3 },
  'block-device': { bits: 0o060000, dirent: 4 },
  fifo: { bits: 0o010000, dirent: 5 },
  socket: { bits: 0o140000, dirent: 6 },
  symlink: { bits: 0o120000, dirent: 7 },
} as const;

export const typeMask = 0o170000;

/** Rounds up to a multiple of a power of two. Works beyond 32 bits. */
export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
