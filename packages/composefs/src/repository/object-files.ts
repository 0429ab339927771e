import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { digestBytes } from '../fsverity/algorithm.ts';
import { isSystemError } from '../syscalls/libc.ts';
import type { Repository } from './repository.ts';

/** A file where objects are kept. */
export interface ObjectFile {
  /** Below the repository. */
  path: string;
  /** Undefined if the name is no digest of the repository's algorithm. */
  digest: string | undefined;
}

/** Everything in `objects/00` to `objects/ff`, in the order of the names. */
export function* listObjectFiles(repository: Repository): Generator<ObjectFile> {
  const length = digestBytes[repository.algorithm] * 2 - 2;
  const isHex = (text: string) => /^[0-9a-f]*$/.test(text);
  for (let byte = 0; byte < 256; byte++) {
    const prefix = byte.toString(16).padStart(2, '0');
    const names = readNames(join(repository.path, 'objects', prefix)).sort();
    const areHex = isHex(names.join(''));
    for (const name of names) {
      const isDigest = name.length === length && (areHex || isHex(name));
      yield { path: `objects/${prefix}/${name}`, digest: isDigest ? prefix + name : undefined };
    }
  }
}

/**
 * Temporary names that a stopped program left, below the repository. Only under the exclusive lock is it sure that
 * nobody uses them.
 */
export function listLeftovers(repository: Repository): string[] {
  const inObjects = readNames(join(repository.path, 'objects')).filter((name) => name.startsWith('.tmp-object-'));
  const inRoot = readNames(repository.path).filter((name) => name.startsWith('.symlink-'));
  return [...inObjects.map((name) => `objects/${name}`), ...inRoot].filter(
    (path) => !lstatSync(join(repository.path, path)).isDirectory(),
  );
}

function readNames(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}
