import { readFileSync } from 'node:fs';
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

/**
 * The mount that an open file was reached by: hard links do not cross from one to another, even of the same file system
 * (proc_pid_fdinfo(5)). Undefined where the kernel does not tell.
 */
export function mountIdOf(fd: number): string | undefined {
  return /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
}
