import { callLibc } from './libc.ts';

// fcntl(2); equal on all architectures.
const setDescriptorFlags = 2;

/**
 * Keeps a descriptor open for the program that takes the place of this one (execve(2)); Node marks all to be closed then.
 *
 * @throws a system error, `EBADF` if it is not open.
 */
export function inheritDescriptor(fd: number): void {
  callLibc('fcntl', [fd, setDescriptorFlags, 0], { syscall: 'fcntl F_SETFD', path: `fd ${fd}` });
}
