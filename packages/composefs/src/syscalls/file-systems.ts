import { callLibc, callLibcAsync, systemCallError } from './libc.ts';

// linux/fs.h
const ficlone = 0x40049409;
// _IOWR(0x94, 54, struct file_dedupe_range); the structure, and one file_dedupe_range_info after it.
const fideduperange = 0xc0189436;
const dedupeBytes = { range: 24, info: 32 } as const;
const sameStatus = 0;

/**
 * Writes everything of the file system that an open file is on to its device (syncfs(2)). When it resolves, all that was written
 * there before the call survives a loss of power.
 */
export async function syncFileSystem(fd: number): Promise<void> {
  await callLibcAsync('syncfs', [fd], { syscall: 'syncfs', path: `fd ${fd}` });
}

/**
 * Makes an open, writable file share the blocks of another one (ioctl_ficlone(2)).
 *
 * @throws a system error; `EOPNOTSUPP`, `ENOTTY` or `EINVAL` if the file system cannot, `EXDEV` if there are two.
 */
export function cloneFile(sourceFd: number, targetFd: number): void {
  callLibc('ioctlNumber', [targetFd, ficlone, sourceFd], { syscall: 'ioctl FICLONE', path: `fd ${sourceFd}` });
}

/**
 * Makes a part of an open file share the blocks of the same part of another one, if the two have the same content there, which
 * the kernel compares under locks (ioctl_fideduperange(2)). Neither content changes.
 *
 * @returns the bytes that are shared now; 0 if the content differs.
 * @throws a system error; `EOPNOTSUPP`, `ENOTTY`, `EINVAL` or `EPERM` if these two files cannot.
 */
export function dedupeRange(sourceFd: number, targetFd: number, range: { start: number; length: number }): number {
  const argument = Buffer.alloc(dedupeBytes.range + dedupeBytes.info);
  argument.writeBigUInt64LE(BigInt(range.start), 0);
  argument.writeBigUInt64LE(BigInt(range.length), 8);
  argument.writeUInt16LE(1, 16);
  argument.writeBigInt64LE(BigInt(targetFd), dedupeBytes.range);
  argument.writeBigUInt64LE(BigInt(range.start), dedupeBytes.range + 8);
  const context = { syscall: 'ioctl FIDEDUPERANGE', path: `fd ${targetFd}` };
  callLibc('ioctlPointer', [sourceFd, fideduperange, argument], context);
  const status = argument.readInt32LE(dedupeBytes.range + 24);
  if (status < 0) throw systemCallError(-status, context);
  return status === sameStatus ? Number(argument.readBigUInt64LE(dedupeBytes.range + 16)) : 0;
}
