import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import { measureFile } from '../fsverity/seal.ts';
import { isSystemError } from '../syscalls/libc.ts';
import { unlock } from '../syscalls/locks.ts';
import { type LockWait, lockRepository } from './lock.ts';
import {
  type ErofsFormat,
  type ErofsFormats,
  metadataFile,
  parseMetadata,
  type RepositoryMetadata,
} from './metadata.ts';
import { inferMetadata, writeMetadata } from './write-metadata.ts';

/**
 * An open repository: objects named by their fs-verity digest, and links that name images and streams among them. A
 * shared lock is held until it is disposed, so that no garbage collection runs meanwhile.
 */
export interface Repository extends AsyncDisposable {
  readonly path: string;
  readonly algorithm: HashAlgorithm;
  /** Whether the kernel guards every object with fs-verity. Otherwise digests are computed, and only then compared. */
  readonly isSecure: boolean;
  readonly erofsFormats: ErofsFormats;
  /** Whether a later version of the format forbids this one to write. */
  readonly isReadOnly: boolean;
  /** Descriptor of the directory; the lock is on it. */
  readonly directoryFd: number;
  /** Whether the file system can seal objects, as far as trying has shown. */
  sealing: 'unknown' | 'works' | 'unsupported';
  /**
   * Objects that a check found damaged. Whoever stores one of them replaces it, instead of taking it for what is wanted.
   */
  readonly suspects: Set<string>;
}

export interface OpenOptions {
  /** Called when another process holds the lock for long; see {@link LockWait}. */
  onWait?: (wait: LockWait) => void;
  signal?: AbortSignal;
  /** Leaves a repository without `meta.json` as it is, and fails. */
  noUpgrade?: boolean;
  /** The only format in which images are made meanwhile, whatever the repository says. */
  erofsFormat?: ErofsFormat;
}

/**
 * Opens a repository and takes its shared lock. One of before `meta.json` gets that file, by what its objects look
 * like.
 *
 * @throws CodedError `REPOSITORY_NOT_FOUND`, `REPOSITORY_METADATA`, `REPOSITORY_TOO_NEW`; the signal's reason.
 */
export async function openRepository(path: string, options: OpenOptions = {}): Promise<Repository> {
  const directoryFd = openDirectory(path);
  try {
    await lockRepository(directoryFd, path, 'shared', options);
    const metadata = readMetadata(path) ?? (await upgrade(path, options));
    const { erofsFormat } = options;
    const erofsFormats = erofsFormat === undefined ? metadata.erofsFormats : { default: erofsFormat, extra: [] };
    return makeRepository(path, directoryFd, { ...metadata, erofsFormats });
  } catch (error) {
    closeSync(directoryFd);
    throw error;
  }
}

/** What `meta.json` says, or undefined if there is none. @throws CodedError if it is damaged or too new. */
export function readMetadata(path: string): RepositoryMetadata | undefined {
  try {
    return parseMetadata(readFileSync(join(path, metadataFile), 'utf8'));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** @throws CodedError `REPOSITORY_READ_ONLY` if this version of the program must not write to the repository. */
export function requireWritable(repository: Repository): void {
  if (!repository.isReadOnly) return;
  throw new CodedError('REPOSITORY_READ_ONLY', `${repository.path} has features that only reading may ignore`, {
    hint: 'use a later version of this program to change it',
  });
}

async function upgrade(path: string, options: OpenOptions): Promise<RepositoryMetadata> {
  const inferred = options.noUpgrade === true ? undefined : inferMetadata(path);
  if (inferred === undefined) {
    throw new CodedError('REPOSITORY_NOT_FOUND', `${path} is no composefs repository: it has no ${metadataFile}`, {
      hint: 'make one with: cfs init, or name another with --repo',
    });
  }
  await writeMetadata(path, inferred);
  return readMetadata(path) as RepositoryMetadata;
}

function openDirectory(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new CodedError('REPOSITORY_NOT_FOUND', `there is no composefs repository at ${path}`, {
      hint: 'make one with: cfs init, or name another with --repo',
    });
  }
}

function makeRepository(path: string, directoryFd: number, metadata: RepositoryMetadata): Repository {
  const isSecure = isSealed(join(path, metadataFile), metadata.algorithm);
  let isOpen = true;
  return {
    path,
    algorithm: metadata.algorithm,
    isSecure,
    erofsFormats: metadata.erofsFormats,
    isReadOnly: metadata.unknownReadOnlyFeatures.length > 0,
    directoryFd,
    sealing: isSecure ? 'works' : 'unknown',
    suspects: new Set(),
    async [Symbol.asyncDispose]() {
      if (!isOpen) return;
      isOpen = false;
      unlock(directoryFd);
      closeSync(directoryFd);
    },
  };
}

function isSealed(path: string, algorithm: HashAlgorithm): boolean {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    return measureFile(fd, algorithm).state === 'sealed';
  } finally {
    closeSync(fd);
  }
}
