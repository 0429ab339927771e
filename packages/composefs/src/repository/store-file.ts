import { createReadStream, fstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { CodedError } from '@workbench/run';
import type { Repository } from './repository.ts';
import { storeObjectFromChunks } from './store-object.ts';

/**
 * Stores the content of a file on disk as an object, with the crash contract of `storeObject`. It is copied: the file
 * may be changed afterwards.
 *
 * @param path bytes, since names need not be text.
 * @returns the digest.
 * @throws CodedError `FILE_CHANGED` if the file no longer has the size that it had; a system error.
 */
export async function storeFile(repository: Repository, path: Buffer, sizeBytes: number): Promise<string> {
  await using file = await open(path);
  if (fstatSync(file.fd).size !== sizeBytes) {
    throw new CodedError('FILE_CHANGED', `${path.toString()} no longer has ${sizeBytes} bytes`, {
      hint: 'nothing may change the directory while it is read',
    });
  }
  const chunks = createReadStream('', { fd: file.fd, autoClose: false, highWaterMark: 1024 * 1024 });
  return (await storeObjectFromChunks(repository, sizeBytes, chunks)).digest;
}
