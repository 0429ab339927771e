import { constants, openSync } from 'node:fs';
import { callLibc, cString, isSystemError } from './libc.ts';

// fcntl.h and linux/fs.h; equal on all architectures, unlike O_DIRECTORY, which Node knows.
const atFdCwd = -100;
const atSymlinkFollow = 0x400;
const atEmptyPath = 0x1000;
const renameNoReplaceFlag = 1;
const renameExchangeFlag = 2;
const tmpfileBit = 0o20000000;

/**
 * Opens a new file without a name in a directory (open(2), O_TMPFILE), readable and writable; it vanishes when closed unless
 * {@link linkFile} gives it a name. `mode` is reduced by the umask.
 *
 * @throws a system error; where the file system cannot, `EOPNOTSUPP` (or `EISDIR`) in the sense of `isSystemError`.
 */
export function openUnnamed(directory: string, mode: number): number {
  return openSync(directory, tmpfileBit | constants.O_DIRECTORY | constants.O_RDWR, mode);
}

const emptyPath = Uint8Array.of(0);
let needsProc = false;

/**
 * Gives an open file a (further) name, also one that has none (linkat(2) with AT_EMPTY_PATH, which takes CAP_DAC_READ_SEARCH;
 * without that through `/proc/self/fd`, which takes longer). Never replaces a file.
 *
 * @throws a system error; `EEXIST` if the name is taken, `EXDEV` if it is on another file system or mount.
 */
export function linkFile(fd: number, path: string): void {
  const target = cString(path);
  const context = { syscall: 'linkat', path };
  if (!needsProc) {
    try {
      callLibc('linkat', [fd, emptyPath, atFdCwd, target, atEmptyPath], context);
      return;
    } catch (error) {
      // Also said where the folder of the new name is missing, which the second attempt says too.
      if (!isSystemError(error, 'ENOENT')) throw error;
    }
  }
  const source = cString(`/proc/self/fd/${fd}`);
  callLibc('linkat', [atFdCwd, source, atFdCwd, target, atSymlinkFollow], context);
  needsProc = true;
}

/**
 * Renames without replacing (renameat2(2), RENAME_NOREPLACE).
 *
 * @throws a system error; `EEXIST` if the new name is taken, `EINVAL` if the file system does not know the flag.
 */
export function renameNoReplace(from: string, to: string): void {
  rename(from, to, renameNoReplaceFlag);
}

/**
 * Exchanges two names in one step (renameat2(2), RENAME_EXCHANGE); both must exist.
 *
 * @throws a system error; `ENOENT` if one is missing, `EINVAL` if the file system does not know the flag.
 */
export function renameExchange(one: string, other: string): void {
  rename(one, other, renameExchangeFlag);
}

function rename(from: string, to: string, flags: number): void {
  callLibc('renameat2', [atFdCwd, cString(from), atFdCwd, cString(to), flags], {
    syscall: 'renameat2',
    path: `${from}' -> '${to}`,
  });
}
