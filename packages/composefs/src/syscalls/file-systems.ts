import { callLibc, callLibcAsync } from './libc.ts';

// linux/fs.h
const ficlone = 0x40049409;

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
