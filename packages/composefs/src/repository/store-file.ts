import { closeSync, fstatSync, openSync } from 'node:fs';
import { CodedError } from '@workbench/run';
import { readPieces } from '../fsverity/digest.ts';
import type { Repository } from './repository.ts';
import { createObjectWriter } from './store-object.ts';

/**
 * Stores the content of a file on disk as an object, with the crash contract of `storeObject`. It is copied: the file
 * may be changed afterwards.
 *
 * @param path bytes, since names need not be text.
 * @returns the digest.
 * @throws CodedError `FILE_CHANGED` if the file no longer has the size that it had; a system error.
 */
export async function storeFile(repository: Repository, path: Buffer, sizeBytes: number): Promise<string> {
  const fd = openSync(path, 'r');
  try {
    if (fstatSync(fd).size !== sizeBytes) throw changed(path, sizeBytes);
    const writer = createObjectWriter(repository, sizeBytes);
    let position = 0;
    try {
      readPieces(fd, (piece) => {
        position += piece.length;
        writer.write(piece);
      });
      if (position !== sizeBytes) throw changed(path, sizeBytes);
    } catch (error) {
      writer.abandon();
      throw error;
    }
    return (await writer.finish()).digest;
  } finally {
    closeSync(fd);
  }
}

function changed(path: Buffer, sizeBytes: number): CodedError {
  return new CodedError('FILE_CHANGED', `${path.toString()} no longer has ${sizeBytes} bytes`, {
    hint: 'nothing may change the directory while it is read',
  });
}
