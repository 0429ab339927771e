import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { initrdFile, kernelFile } from './names.ts';

/** Content in pieces: a Buffer in an array, or a stream. */
export type ByteSource = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * The boot digest: SHA-256 over the kernel and then the initrd, 64 hex digits. Deployments with equal boot digests share
 * one kernel folder, and may soft-reboot into each other.
 */
export async function computeBootDigest(kernel: ByteSource, initrd: ByteSource): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of kernel) hash.update(piece);
  for await (const piece of initrd) hash.update(piece);
  return hash.digest('hex');
}

/** The boot digest of a kernel folder. Rejects with the error of the file system when a file is missing. */
export function bootDigestOfFolder(directory: string): Promise<string> {
  return bootDigestOfFiles(join(directory, kernelFile), join(directory, initrdFile));
}

/** The boot digest of two files. Rejects with the error of the file system when one is missing. */
export function bootDigestOfFiles(kernel: string, initrd: string): Promise<string> {
  return computeBootDigest(readLazily(kernel), readLazily(initrd));
}

// Opened only when read from: the stream of a missing initrd would else fail while nobody listens yet.
async function* readLazily(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path) as AsyncIterable<Uint8Array>;
}
