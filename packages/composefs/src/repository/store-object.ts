import { closeSync, constants, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { makeDirectory } from '../durable/make-directory.ts';
import { replaceByFile } from '../durable/replace.ts';
import {
  beforeSealing,
  beforeWriting,
  createUnnamed,
  dropUnnamed,
  linkOpenFile,
  publishFile,
  reopenReadOnly,
  type UnnamedFile,
} from '../durable/unnamed-file.ts';
import { computeFdVerity, computeVerity, createVerityHasher, readPieces } from '../fsverity/digest.ts';
import { measureFile, sealFile } from '../fsverity/seal.ts';
import { isSystemError } from '../syscalls/libc.ts';
import { isIntact, objectPath } from './objects.ts';
import type { Repository } from './repository.ts';

/** An object that is in the repository now, and whether it was before. */
export interface StoredObject {
  digest: string;
  isNew: boolean;
}

/**
 * Stores bytes that are at hand. After it resolves, the object is there for every process; it survives a loss of power
 * once the file system was synced, before which nothing may refer to it. If it throws, no object of that digest is
 * there that was not before.
 */
export async function storeObject(repository: Repository, content: Uint8Array): Promise<StoredObject> {
  let digest: string | undefined;
  if (repository.sealing !== 'works') {
    digest = computeVerity(content, repository.algorithm);
    if (isPresent(repository, digest, content.length)) return { digest, isNew: false };
  }
  const writer = createObjectWriter(repository, content.length, digest);
  writer.write(content);
  return writer.finish();
}

/** Stores content that comes in chunks, with the crash contract of {@link storeObject}. At most one chunk is held. */
export async function storeObjectFromChunks(
  repository: Repository,
  sizeBytes: number,
  chunks: AsyncIterable<Uint8Array>,
): Promise<StoredObject> {
  const writer = createObjectWriter(repository, sizeBytes);
  try {
    for await (const chunk of chunks) writer.write(chunk);
  } catch (error) {
    writer.abandon();
    throw error;
  }
  return writer.finish();
}

/** An object that is being stored, with the crash contract of {@link storeObject}. */
export interface ObjectWriter {
  /** Takes the next bytes, which may change afterwards. If it throws, the object is abandoned. */
  write(chunk: Uint8Array): void;
  /** All has come. */
  finish(): Promise<StoredObject>;
  /** It will not come to anything. */
  abandon(): void;
}

/**
 * Begins to store content that comes bit by bit.
 *
 * @param knownDigest the digest, if it was computed before.
 */
export function createObjectWriter(repository: Repository, sizeBytes: number, knownDigest?: string): ObjectWriter {
  const file = createObjectFile(repository);
  const hasher =
    repository.sealing === 'works' || knownDigest !== undefined ? undefined : createVerityHasher(repository.algorithm);
  let position = 0;
  let isOpen = true;
  const abandon = (): void => {
    if (isOpen) dropUnnamed(file);
    isOpen = false;
  };
  return {
    write(chunk) {
      try {
        if (position === 0) beforeWriting(file);
        // Writing goes to memory; a thread for it would cost more than it.
        for (let written = 0; written < chunk.length; ) {
          const length = writeSync(file.fd, chunk, written, chunk.length - written, position);
          written += length;
          position += length;
        }
        hasher?.update(chunk);
      } catch (error) {
        abandon();
        throw error;
      }
    },
    finish: () => storeFilled(repository, file, sizeBytes, knownDigest ?? hasher?.digest()),
    abandon,
  };
}

/**
 * Stores a new file that has its whole content, by whatever means it got it; takes and closes it. The kernel computes
 * the digest where it can seal.
 *
 * @param knownDigest the digest, if it was computed while the content passed.
 */
export async function storeFilled(
  repository: Repository,
  file: UnnamedFile,
  sizeBytes: number,
  knownDigest?: string,
): Promise<StoredObject> {
  let whole = file;
  try {
    if (repository.sealing !== 'unsupported') reopenReadOnly(whole);
    let sealed = await sealAndMeasure(repository, whole.fd, whole.directory, knownDigest);
    for (let copies = 0; sealed === 'busy' && copies < mostCopies; copies++) {
      const copy = copyObjectFile(repository, whole);
      dropUnnamed(whole);
      whole = copy;
      reopenReadOnly(whole);
      sealed = await sealAndMeasure(repository, whole.fd, whole.directory, knownDigest);
    }
    const digest = sealed === 'busy' ? unsealedDigest(repository, whole.fd, whole.directory, knownDigest) : sealed;
    return { digest, isNew: publish(repository, whole, digest, sizeBytes) };
  } finally {
    dropUnnamed(whole);
  }
}

// A process that was forked while the file was written may keep it open for writing as long as it likes. It has no copy that is
// made after that; the next copy is for one that was forked since.
const mostCopies = 5;

function copyObjectFile(repository: Repository, source: UnnamedFile): UnnamedFile {
  const copy = createObjectFile(repository);
  try {
    beforeWriting(copy);
    let position = 0;
    readPieces(source.fd, (piece) => {
      for (let written = 0; written < piece.length; ) {
        const length = writeSync(copy.fd, piece, written, piece.length - written, position);
        written += length;
        position += length;
      }
    });
    return copy;
  } catch (error) {
    dropUnnamed(copy);
    throw error;
  }
}

/** A file for {@link storeFilled}. */
export function createObjectFile(repository: Repository): UnnamedFile {
  ensureDirectory(repository, 'objects');
  return createUnnamed(join(repository.path, 'objects'), 0o644);
}

/**
 * Seals an open, read-only file as objects are and gives its digest: by the kernel where it can, else computed. `busy` if
 * somebody has it open for writing.
 *
 * @throws CodedError `VERITY_UNSUPPORTED` in a secure repository if the file's file system cannot.
 */
async function sealAndMeasure(
  repository: Repository,
  fd: number,
  shownPath: string,
  knownDigest?: string,
): Promise<string | 'busy'> {
  const { algorithm } = repository;
  if (repository.sealing === 'unsupported') return unsealedDigest(repository, fd, shownPath, knownDigest);
  beforeSealing(shownPath);
  const outcome = await sealFile(fd, algorithm);
  if (outcome === 'busy') return outcome;
  if (outcome === 'unsupported') {
    if (!repository.isSecure) repository.sealing = 'unsupported';
    return unsealedDigest(repository, fd, shownPath, knownDigest);
  }
  repository.sealing = 'works';
  const measured = measureFile(fd, algorithm);
  return measured.state === 'sealed' ? measured.digest : unsealedDigest(repository, fd, shownPath, knownDigest);
}

function unsealedDigest(repository: Repository, fd: number, shownPath: string, knownDigest?: string): string {
  if (!repository.isSecure) return knownDigest ?? computeFdVerity(fd, repository.algorithm);
  throw new CodedError('VERITY_UNSUPPORTED', `fs-verity could not be enabled in ${shownPath}`, {
    hint: 'the repository demands it; check that its file system still has the feature (tune2fs -l DEVICE)',
  });
}

/**
 * Makes an open, read-only file of the same file system an object, by a further name: sealed in place, it keeps its
 * owner, mode and time.
 *
 * @returns `impossible` if the file cannot be sealed, or may not get a name there; `taken` if a damaged object is in the
 * way, which is for a copy to replace.
 */
export async function linkAsObject(
  repository: Repository,
  fd: number,
  sizeBytes: number,
  knownDigest?: string,
): Promise<StoredObject | 'impossible' | 'taken'> {
  try {
    const digest = await sealAndMeasure(repository, fd, `fd ${fd}`, knownDigest);
    if (digest === 'busy') return 'impossible';
    ensureDirectory(repository, 'objects');
    ensureDirectory(repository, `objects/${digest.slice(0, 2)}`);
    if (linkOpenFile(fd, join(repository.path, objectPath(digest)))) return { digest, isNew: true };
    return isPresent(repository, digest, sizeBytes) ? { digest, isNew: false } : 'taken';
  } catch (error) {
    if (error instanceof CodedError || isSystemError(error, 'EXDEV', 'EPERM', 'EMLINK', 'EACCES', 'EROFS')) {
      return 'impossible';
    }
    throw error;
  }
}

/** Whether an intact object is there under a digest. */
export function isPresent(repository: Repository, digest: string, sizeBytes: number): boolean {
  const path = `${repository.path}/${objectPath(digest)}`;
  // Most often it is not there, and that is cheaper to hear than an error.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return false;
  const fd = openSync(path, constants.O_RDONLY);
  try {
    return isIntact(repository, fd, { digest, sizeBytes });
  } finally {
    closeSync(fd);
  }
}

// There are 257 of them, they are never removed, and asking for each object whether its one is there costs more than
// the rest of linking it.
const madeDirectories = new WeakMap<Repository, Set<string>>();

function ensureDirectory(repository: Repository, directory: string): void {
  const made = madeDirectories.get(repository) ?? new Set<string>();
  madeDirectories.set(repository, made);
  if (made.has(directory)) return;
  makeDirectory(join(repository.path, directory), 0o755);
  made.add(directory);
}

// Objects are linked before they are synced, so that a loss of power can leave a name with less than its content.
// Whoever stores the same object again notices and puts the whole one in its place.
function publish(repository: Repository, file: UnnamedFile, digest: string, sizeBytes: number): boolean {
  const path = `${repository.path}/${objectPath(digest)}`;
  ensureDirectory(repository, `objects/${digest.slice(0, 2)}`);
  if (publishFile(file, path)) return true;
  if (isPresent(repository, digest, sizeBytes)) return false;
  replaceByFile(file, path);
  repository.suspects.delete(digest);
  return true;
}
