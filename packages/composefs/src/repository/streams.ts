import { createReadStream } from 'node:fs';
import { CodedError } from '@workbench/run';
import { invalidStream } from '../splitstream/format.ts';
import { openSplitStream, type SplitStream } from '../splitstream/reader.ts';
import { checkReferenceName, findReference, linkedDigest } from './links.ts';
import { openObject, readObject } from './objects.ts';
import type { Repository } from './repository.ts';

/** A stream of the repository, and the digest of its file. */
export interface OpenedStream extends SplitStream {
  digest: string;
}

/**
 * Opens a stream by its name, for example `oci-layer-sha256:…`, or by a reference to it, `refs/…`.
 *
 * @throws CodedError `STREAM_MISSING` if there is none of that name; `OBJECT_MISSING`, `SPLITSTREAM_INVALID` if it is
 * damaged.
 */
export async function openStream(repository: Repository, name: string, contentType?: string): Promise<OpenedStream> {
  checkReferenceName(name);
  const reference = name.startsWith('refs/') ? findReference(repository, 'streams', name) : undefined;
  const digest = linkedDigest(repository, 'streams', reference ?? name);
  if (digest === undefined) {
    throw new CodedError('STREAM_MISSING', `${repository.path} has no stream ${name}`, {
      hint: 'import the image that it belongs to anew',
    });
  }
  return openStreamObject(repository, digest, contentType);
}

/** Opens a stream by the digest of its file. @throws as {@link openStream}. */
export async function openStreamObject(
  repository: Repository,
  digest: string,
  contentType?: string,
): Promise<OpenedStream> {
  const stream = await openSplitStream(readObject(repository, digest), repository.algorithm, contentType);
  return { ...stream, digest };
}

const mostMergedBytes = 64 * 1024 * 1024;

/**
 * The merged stream, all of it in memory: for small ones such as JSON.
 *
 * @throws CodedError `SPLITSTREAM_INVALID` if it is damaged, or has more than 64 MiB.
 */
export async function readMergedStream(repository: Repository, stream: SplitStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream.chunks()) {
    const part = chunk.kind === 'inline' ? chunk.bytes : readObject(repository, chunk.digest);
    parts.push(part);
    bytes += part.length;
    if (bytes > mostMergedBytes) throw invalidStream(`it holds more than ${mostMergedBytes} bytes`);
  }
  return Buffer.concat(parts);
}

/** The merged stream piece by piece; an object comes in pieces of at most a mebibyte. @throws as {@link openStream}. */
export async function* mergeStream(repository: Repository, stream: SplitStream): AsyncGenerator<Buffer> {
  for await (const chunk of stream.chunks()) {
    if (chunk.kind === 'inline') yield chunk.bytes;
    else yield* createReadStream('', { fd: openObject(repository, chunk.digest), highWaterMark: 1024 * 1024 });
  }
}
