import { createReadStream, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '../durable/make-directory.ts';
import {
  beforeSealing,
  beforeWriting,
  createUnnamed,
  dropUnnamed,
  publishFile,
  reopenReadOnly,
} from '../durable/unnamed-file.ts';
import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import { createVerityHasher } from '../fsverity/digest.ts';
import { sealFile } from '../fsverity/seal.ts';

/**
 * Copies a file into a directory of objects outside of any repository, `DIRECTORY/xx/yyyy…` as mkcomposefs(1) has it;
 * sealed with fs-verity where the file system can. What is there already is left as it is. Nothing is synced.
 *
 * @returns the digest.
 */
export async function storeInDirectory(directory: string, source: Buffer, algorithm: HashAlgorithm): Promise<string> {
  makeDirectory(directory, 0o755);
  const hasher = createVerityHasher(algorithm);
  const file = createUnnamed(directory, 0o644);
  try {
    await using input = await open(source);
    beforeWriting(file);
    for await (const chunk of createReadStream('', { fd: input.fd, autoClose: false, highWaterMark: 1024 * 1024 })) {
      for (let written = 0; written < chunk.length; ) written += writeSync(file.fd, chunk, written);
      hasher.update(chunk);
    }
    const digest = hasher.digest();
    reopenReadOnly(file);
    beforeSealing(directory);
    await sealFile(file.fd, algorithm);
    const folder = join(directory, digest.slice(0, 2));
    makeDirectory(folder, 0o755);
    publishFile(file, join(folder, digest.slice(2)));
    return digest;
  } finally {
    dropUnnamed(file);
  }
}
