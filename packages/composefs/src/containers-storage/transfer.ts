import { fstatSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { cloneInto, dropUnnamed } from '../durable/unnamed-file.ts';
import { computeFdVerity, readPieces } from '../fsverity/digest.ts';
import type { Stored } from '../repository/layer-builder.ts';
import { isMergeableByLink, mergeBlocks } from '../repository/merge-object.ts';
import type { Repository } from '../repository/repository.ts';
import {
  createObjectFile,
  createObjectWriter,
  isPresent,
  linkAsObject,
  type StoredObject,
  storeFilled,
  storeObject,
} from '../repository/store-object.ts';
import { mountIdOf } from '../syscalls/descriptors.ts';
import { isSystemError } from '../syscalls/libc.ts';
import { createCrc64 } from './crc64.ts';
import { damagedStorage } from './errors.ts';

/** How content comes from container storage into a repository, the cheapest way first. */
export type TransferMethod = 'reflink' | 'hard link' | 'copy';

/** An open file whose content is wanted. */
export interface TransferredFile {
  fd: number;
  /** As they were when it was opened. */
  stats: Stats;
  /** CRC-64 of the content; without it, whatever the file has is taken. */
  checksum?: Uint8Array | undefined;
}

/** What a transfer does with all files; it may be given to another transfer into the same repository. */
export interface TransferChoices {
  /** What was decided, by the device that files are on. */
  readonly methods: Map<number, TransferMethod>;
  /** Files whose content is an object already share its blocks from then on; where only links share, it is told. */
  readonly mergesCopies: boolean;
}

/** Brings the content of files of container storage into a repository. */
export interface Transfer {
  readonly choices: TransferChoices;
  /**
   * Stores the content of a file as an object, with the crash contract of `storeObject`. The caller closes the file.
   *
   * @throws CodedError `STORAGE_DAMAGED` if the file is not as long as it was, or has another checksum.
   */
  store(file: TransferredFile): Promise<Stored>;
}

const copyBytes = 1024 * 1024;

/**
 * The cheapest way there is, found once for each file system that files come from: to share blocks, to be a further
 * name of the same file, or to copy.
 */
export function createTransfer(
  repository: Repository,
  choices: TransferChoices = { methods: new Map(), mergesCopies: false },
): Transfer {
  const { methods, mergesCopies } = choices;
  const here = fstatSync(repository.directoryFd).dev;
  const isLinkable = (device: number, fd: number): boolean =>
    device === here && mountIdOf(fd) === mountIdOf(repository.directoryFd);
  return {
    choices,
    async store(file) {
      const { fd } = file;
      const { dev: device, size: sizeBytes } = file.stats;
      if ((methods.get(device) ?? 'reflink') === 'reflink') {
        const object = await reflink(repository, file, methods.has(device));
        if (object !== undefined) {
          methods.set(device, 'reflink');
          const copy = { fd, sizeBytes, digest: object.digest };
          const isMerged = mergesCopies && !object.isNew && mergeBlocks(repository, copy);
          return { object, origin: 'reflinked', ...(isMerged ? { copy: 'merged' } : {}) };
        }
        methods.set(device, isLinkable(device, fd) ? 'hard link' : 'copy');
      }
      if (methods.get(device) === 'hard link') {
        const object = await link(repository, file);
        if (typeof object !== 'string') {
          const copy = { fd, sizeBytes, digest: object.digest };
          const isLinkable = mergesCopies && !object.isNew && isMergeableByLink(repository, copy);
          return { object, origin: 'hardlinked', ...(isLinkable ? { copy: 'linkable' } : {}) };
        }
        if (object === 'impossible') methods.set(device, 'copy');
      }
      return { object: await copy(repository, file), origin: 'copied' };
    },
  };
}

async function reflink(repository: Repository, source: TransferredFile, isProven: boolean) {
  const { fd, stats } = source;
  const sizeBytes = stats.size;
  // Where the kernel computes no digest, the source is read instead of its clone, whose pages are in no cache yet.
  const isSourceRead = repository.sealing === 'unsupported';
  let digest = isSourceRead ? examine(repository, source) : undefined;
  if (isProven && digest !== undefined && isPresent(repository, digest, sizeBytes)) return { digest, isNew: false };
  const file = createObjectFile(repository);
  try {
    cloneInto(file, fd);
    // What was changed meanwhile may be no more than the number of its names; the clone tells.
    if (!isSourceRead || isChanged(stats, fstatSync(fd))) {
      if (fstatSync(file.fd).size !== sizeBytes) throw damaged(fd, `a file no longer has its ${sizeBytes} bytes`);
      digest = examine(repository, { ...source, fd: file.fd });
    }
  } catch (error) {
    dropUnnamed(file);
    if (isSystemError(error, 'EOPNOTSUPP', 'ENOTTY', 'EXDEV', 'EINVAL')) return undefined;
    throw error;
  }
  return storeFilled(repository, file, sizeBytes, digest);
}

function isChanged(before: Stats, after: Stats): boolean {
  return (['size', 'mtimeMs', 'ctimeMs'] as const).some((of) => before[of] !== after[of]);
}

async function link(repository: Repository, file: TransferredFile): Promise<StoredObject | 'impossible' | 'taken'> {
  return linkAsObject(repository, file.fd, file.stats.size, examine(repository, file));
}

/**
 * Compares content with its checksum before it becomes an object, and computes its digest on the way where the kernel
 * will not.
 */
function examine(repository: Repository, { fd, checksum }: TransferredFile): string | undefined {
  const crc = createCrc64();
  let digest: string | undefined;
  if (repository.sealing === 'unsupported') {
    digest = computeFdVerity(fd, repository.algorithm, checksum === undefined ? undefined : crc.update);
  } else if (checksum !== undefined) readPieces(fd, crc.update);
  if (checksum !== undefined && !crc.digest().equals(checksum)) throw wrongChecksum(fd);
  return digest;
}

// One buffer for all files: what is in it was written before anything else can be read.
let copyBuffer: Buffer | undefined;

async function copy(repository: Repository, { fd, stats, checksum }: TransferredFile): Promise<StoredObject> {
  const sizeBytes = stats.size;
  copyBuffer ??= Buffer.allocUnsafeSlow(copyBytes);
  const buffer = copyBuffer;
  const crc = createCrc64();
  const readAt = (position: number): Buffer => {
    let filled = 0;
    const wanted = Math.min(copyBytes, sizeBytes - position);
    while (filled < wanted) {
      const length = readSync(fd, buffer, filled, wanted - filled, position + filled);
      if (length === 0) throw damaged(fd, `a file no longer has its ${sizeBytes} bytes`);
      filled += length;
    }
    const piece = buffer.subarray(0, filled);
    if (checksum !== undefined) crc.update(piece);
    if (position + filled === sizeBytes && checksum !== undefined && !crc.digest().equals(checksum))
      throw wrongChecksum(fd);
    return piece;
  };
  if (sizeBytes <= copyBytes) return storeObject(repository, readAt(0));
  const writer = createObjectWriter(repository, sizeBytes);
  try {
    for (let position = 0; position < sizeBytes; position += copyBytes) writer.write(readAt(position));
  } catch (error) {
    writer.abandon();
    throw error;
  }
  return writer.finish();
}

function wrongChecksum(fd: number): Error {
  return damaged(fd, 'a file has not the content that its layer has');
}

function damaged(fd: number, problem: string): Error {
  return damagedStorage(readlinkSync(`/proc/self/fd/${fd}`), problem);
}
