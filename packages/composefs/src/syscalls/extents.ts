import { callLibc } from './libc.ts';

// linux/fs.h and linux/fiemap.h: _IOWR('f', 11, struct fiemap), its header and one extent, and the flags used here.
const fiemapRequest = 0xc020660b;
const headerBytes = 32;
const extentBytes = 56;
const extentsPerCall = 64;
/** What was written is given its place before it is told (FIEMAP_FLAG_SYNC). */
const syncFirst = 0x1;
const flags = { last: 0x1, unknown: 0x2, delayed: 0x4, inline: 0x200, shared: 0x2000 } as const;

/** A part of a file that lies in one piece on its device. All in bytes. */
export interface Extent {
  logical: bigint;
  /** Undefined where it has no place of its own, as when it is kept beside the metadata. */
  physical: bigint | undefined;
  length: bigint;
  /** Another file has these blocks too. */
  isShared: boolean;
  /** Kept beside the metadata. */
  isInline: boolean;
}

/**
 * Where an open file lies on its device (FS_IOC_FIEMAP).
 *
 * @throws a system error; `EOPNOTSUPP` or `ENOTTY` if the file system cannot tell.
 */
export function listExtents(fd: number): Extent[] {
  const extents: Extent[] = [];
  for (let start = 0n; ; ) {
    const map = Buffer.alloc(headerBytes + extentsPerCall * extentBytes);
    map.writeBigUInt64LE(start, 0);
    map.writeBigUInt64LE(0xffff_ffff_ffff_ffffn - start, 8);
    map.writeUInt32LE(syncFirst, 16);
    map.writeUInt32LE(extentsPerCall, 24);
    callLibc('ioctlPointer', [fd, fiemapRequest, map], { syscall: 'ioctl FS_IOC_FIEMAP', path: `fd ${fd}` });
    const count = map.readUInt32LE(20);
    if (count === 0) return extents;
    for (let index = 0; index < count; index++) {
      const at = headerBytes + index * extentBytes;
      const logical = map.readBigUInt64LE(at);
      const length = map.readBigUInt64LE(at + 16);
      const has = (flag: number): boolean => (map.readUInt32LE(at + 40) & flag) !== 0;
      const isPlaced = !has(flags.unknown) && !has(flags.delayed) && !has(flags.inline);
      extents.push({
        logical,
        physical: isPlaced ? map.readBigUInt64LE(at + 8) : undefined,
        length,
        isShared: has(flags.shared),
        isInline: has(flags.inline),
      });
      if (has(flags.last)) return extents;
      start = logical + length;
    }
  }
}

/** How many bytes of an open file lie in blocks that another file has too. @throws as {@link listExtents}. */
export function countSharedBytes(fd: number): number {
  return Number(listExtents(fd).reduce((sum, { isShared, length }) => sum + (isShared ? length : 0n), 0n));
}
