import { mkdirSync } from 'node:fs';
import { isSystemError } from '../syscalls/libc.ts';
import { beforeMutation } from './seam.ts';

/**
 * Makes a directory unless it is there, its parent must be. Nothing is synced: after a loss of power it may be missing.
 *
 * @param mode permission bits, reduced by the umask.
 * @returns whether it was made.
 */
export function makeDirectory(path: string, mode: number): boolean {
  try {
    beforeMutation('mkdir', path);
    mkdirSync(path, { mode });
    return true;
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false;
    throw error;
  }
}
