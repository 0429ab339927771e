import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { computeFdVerity } from '../fsverity/digest.ts';
import { type Measurement, measureFile } from '../fsverity/seal.ts';
import type { ObjectFile } from './object-files.ts';
import type { Repository } from './repository.ts';

/** What is wrong with an object, with the name that `cfsctl fsck` has for it. */
export interface ObjectProblem {
  kind: string;
  detail: string;
}

/** Compares an object with its name. @returns undefined if it is as it should be. */
export function examineObject(repository: Repository, file: ObjectFile): ObjectProblem | undefined {
  if (file.digest === undefined) return { kind: 'object-invalid-name', detail: 'not a digest of the repository' };
  let fd: number;
  try {
    fd = openSync(join(repository.path, file.path), constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    return { kind: 'object-open-failed', detail: messageOf(error) };
  }
  try {
    const measured = measure(repository, fd);
    if (measured.state !== 'sealed' && repository.isSecure) return { kind: 'object-verity-missing', detail: '' };
    const digest = measured.state === 'sealed' ? measured.digest : computeFdVerity(fd, repository.algorithm);
    return digest === file.digest ? undefined : { kind: 'object-digest-mismatch', detail: `measured ${digest}` };
  } catch (error) {
    return { kind: 'object-verity-failed', detail: messageOf(error) };
  } finally {
    closeSync(fd);
  }
}

// Asking for each of many files what the file system can never tell costs more than a small file's digest.
function measure(repository: Repository, fd: number): Measurement {
  if (repository.sealing === 'unsupported') return { state: 'unsupported' };
  const measured = measureFile(fd, repository.algorithm);
  if (measured.state === 'unsupported' && !repository.isSecure) repository.sealing = 'unsupported';
  return measured;
}

/** What an error says, in one line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
