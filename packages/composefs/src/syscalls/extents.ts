import { callLibc } from './libc.ts';

// linux/fs.h and linux/fiemap.h: _IOWR('f', 11, struct fiemap), its header and one extent, and the flags used here.
const fiemapRequest = 0xc020660b;
const headerBytes = 32;
const extentBytes = 56;
const extentsPerCall = 64;
const flagLast = 0x1;
const flagShared = 0x2000;

/**
 * How many bytes of an open file lie in blocks that another file has too (FS_IOC_FIEMAP).
 *
 * @throws a system error; `EOPNOTSUPP` or `ENOTTY` if the file system cannot tell.
 */
export function countSharedBytes(fd: number): number {
  let shared = 0;
  for (let start = 0n; ; ) {
    const map = Buffer.alloc(headerBytes + extentsPerCall * extentBytes);
    map.writeBigUInt64LE(start, 0);
    map.writeBigUInt64LE(0xffff_ffff_ffff_ffffn - start, 8);
    map.writeUInt32LE(extentsPerCall, 24);
    callLibc('ioctlPointer', [fd, fiemapRequest, map], { syscall: 'ioctl FS_IOC_FIEMAP', path: `fd ${fd}` });
    const count = map.readUInt32LE(20);
    if (count === 0) return shared;
    for (let index = 0; index < count; index++) {
      const at = headerBytes + index * extentBytes;
      const length = map.readBigUInt64LE(at + 16);
      const flags = map.readUInt32LE(at + 40);
      if ((flags & flagShared) !== 0) shared += Number(length);
      if ((flags & flagLast) !== 0) return shared;
      start = map.readBigUInt64LE(at) + length;
    }
  }
}
