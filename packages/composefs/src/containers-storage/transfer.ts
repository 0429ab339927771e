import { fstatSync, read, readFileSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { beforeWriting, cloneInto, dropUnnamed, type UnnamedFile } from '../durable/unnamed-file.ts';
import { createVerityHasher } from '../fsverity/digest.ts';
import type { ObjectOrigin } from '../repository/layer-builder.ts';
import type { Repository } from '../repository/repository.ts';
import { createObjectFile, linkAsObject, type StoredObject, storeFilled } from '../repository/store-object.ts';
import { isSystemError } from '../syscalls/libc.ts';
import { damagedStorage } from './errors.ts';

/** Brings the content of files of container storage into a repository. */
export interface Transfer {
  /**
   * Stores the content of an open file as an object, with the crash contract of `storeObject`. The caller closes the
   * file.
   *
   * @throws CodedError `STORAGE_DAMAGED` if the file is not as long as it was.
   */
  store(fd: number, sizeBytes: number): Promise<{ object: StoredObject; origin: ObjectOrigin }>;
}

type Method = 'reflink' | 'hard link' | 'copy';

const readFd = promisify(read);
const writeFd = promisify(write);
const copyBytes = 1024 * 1024;

/**
 * The cheapest way there is, found once for each file system that files come from: to share blocks, to be a further
 * name of the same file, or to copy.
 */
export function createTransfer(repository: Repository): Transfer {
  const methods = new Map<number, Method>();
  const here = fstatSync(repository.directoryFd).dev;
  const next = (device: number, fd: number): Method =>
    device === here && mountOf(fd) === mountOf(repository.directoryFd) ? 'hard link' : 'copy';
  return {
    async store(fd, sizeBytes) {
      const device = fstatSync(fd).dev;
      if ((methods.get(device) ?? 'reflink') === 'reflink') {
        const object = await reflink(repository, fd, sizeBytes);
        if (object !== undefined) return { object, origin: 'reflinked' };
        methods.set(device, next(device, fd));
      }
      if (methods.get(device) === 'hard link') {
        const object = await linkAsObject(repository, fd, sizeBytes);
        if (object !== undefined) return { object, origin: 'hardlinked' };
      }
      return { object: await copy(repository, fd, sizeBytes), origin: 'copied' };
    },
  };
}

async function reflink(repository: Repository, fd: number, sizeBytes: number): Promise<StoredObject | undefined> {
  const file = createObjectFile(repository);
  try {
    cloneInto(file, fd);
    if (fstatSync(file.fd).size !== sizeBytes) throw changedWhileRead(fd, sizeBytes);
  } catch (error) {
    dropUnnamed(file);
    if (isSystemError(error, 'EOPNOTSUPP', 'ENOTTY', 'EXDEV', 'EINVAL')) return undefined;
    throw error;
  }
  return storeFilled(repository, file, sizeBytes);
}

async function copy(repository: Repository, fd: number, sizeBytes: number): Promise<StoredObject> {
  const file = createObjectFile(repository);
  let digest: string | undefined;
  try {
    beforeWriting(file);
    digest = await copyContent(repository, fd, { file, sizeBytes });
  } catch (error) {
    dropUnnamed(file);
    throw error;
  }
  return storeFilled(repository, file, sizeBytes, digest);
}

// Hashes on the way only where the kernel will not.
async function copyContent(
  repository: Repository,
  fd: number,
  target: { file: UnnamedFile; sizeBytes: number },
): Promise<string | undefined> {
  const { file, sizeBytes } = target;
  const hasher = repository.sealing === 'works' ? undefined : createVerityHasher(repository.algorithm);
  const buffer = Buffer.allocUnsafeSlow(Math.min(sizeBytes, copyBytes));
  for (let position = 0; position < sizeBytes; ) {
    const wanted = Math.min(buffer.length, sizeBytes - position);
    const { bytesRead } = await readFd(fd, buffer, 0, wanted, position);
    if (bytesRead === 0) throw changedWhileRead(fd, sizeBytes);
    for (let written = 0; written < bytesRead; ) {
      written += (await writeFd(file.fd, buffer, written, bytesRead - written, position + written)).bytesWritten;
    }
    hasher?.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
  return hasher?.digest();
}

function changedWhileRead(fd: number, sizeBytes: number): Error {
  return damagedStorage(`/proc/self/fd/${fd}`, `a file no longer has its ${sizeBytes} bytes`);
}

/**
 * The mount that an open file was reached by: hard links do not cross from one to another, even of the same file
 * system.
 */
function mountOf(fd: number): string | undefined {
  return /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
}
