import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { CodedError } from '@workbench/run';
import { isCompressionError } from '../splitstream/compress.ts';

// The mark is of streams: so much is decompressed ahead on another thread while this one is busy.
const options = { chunkSize: 256 * 1024, highWaterMark: 4 * 1024 * 1024 };

const gzipMagic = Buffer.from([0x1f, 0x8b]);
const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
// Without its first byte, which is anything from 0x50 to 0x5f (RFC 8878, 3.1.2): a frame without content may come first.
const skippableMagic = Buffer.from([0x2a, 0x4d, 0x18]);

/** The archive of a layer. */
export interface LayerArchive {
  /** Whether it is anything else than the blob. */
  isCompressed: boolean;
  /** Ends the reading of the blob when it is no longer read itself. */
  chunks: AsyncIterable<Buffer>;
}

/**
 * Opens the archive of a layer: plain, gzip (all members) or zstd (all frames). How it is compressed is seen by how it
 * begins, since archives that `docker save` makes have a manifest that says something else.
 *
 * @param blob may use the memory of a chunk again once the next is asked for; what comes out stays as it is.
 * @throws CodedError `OCI_LAYER_TYPE` for a media type that is no archive; whatever `blob` throws; `OCI_LAYER_DAMAGED`
 * while reading.
 */
export async function openArchive(mediaType: string, blob: AsyncIterable<Buffer>): Promise<LayerArchive> {
  if (!/[.+](tar|gzip|zstd)$/.test(mediaType)) {
    throw new CodedError('OCI_LAYER_TYPE', `a layer has the unknown type ${mediaType}`, {
      hint: 'layers have to be tar archives: plain, gzip or zstd',
    });
  }
  const pieces = blob[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < zstdMagic.length) {
    const { value, done } = await pieces.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  const whole = prepend(head, pieces);
  const begins = (magic: Buffer) => head.subarray(0, magic.length).equals(magic);
  if (begins(gzipMagic)) return { isCompressed: true, chunks: inflate(whole, createGunzip(options)) };
  const isSkippable = (head[0] ?? 0) >>> 4 === 5 && head.subarray(1, 4).equals(skippableMagic);
  if (begins(zstdMagic) || isSkippable)
    return { isCompressed: true, chunks: inflate(whole, createZstdDecompress(options)) };
  return { isCompressed: false, chunks: copyOf(whole) };
}

async function* prepend(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield head;
    yield* { [Symbol.asyncIterator]: () => rest };
  } finally {
    await rest.return?.();
  }
}

async function* copyOf(blob: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of blob) yield Buffer.from(chunk);
}

type Decompressor = Transform & { readonly bytesWritten: number };

async function* inflate(blob: AsyncIterable<Buffer>, decompressor: Decompressor): AsyncGenerator<Buffer> {
  // What fails is thrown by the reading side.
  const fed = feed(blob, decompressor).catch((error) => void decompressor.destroy(error));
  try {
    yield* decompressor as AsyncIterable<Buffer>;
    // Of what follows that is not compressed, some is left out without a word.
    if ((await fed) !== decompressor.bytesWritten) throw trailingBytes();
  } catch (error) {
    if (!isCompressionError(error)) throw error;
    throw new CodedError('OCI_LAYER_DAMAGED', 'a layer cannot be decompressed', {
      hint: 'the image is damaged; copy it anew',
      cause: error,
    });
  } finally {
    decompressor.destroy();
    await fed;
  }
}

function trailingBytes(): CodedError {
  return new CodedError('OCI_LAYER_DAMAGED', 'something that is not compressed follows the archive of a layer', {
    hint: 'build the image anew, or copy it with: skopeo copy --dest-compress',
  });
}

// Resolves to the number of bytes when all were taken. Asks for the next chunk only when all of the last was taken. A stream that
// is closed takes nothing any more, nor does it say so for what it was given.
async function feed(blob: AsyncIterable<Buffer>, decompressor: Transform): Promise<number> {
  const closed = new Promise<void>((_, reject) => {
    decompressor.once('close', () => reject(new Error('nothing more is wanted')));
  });
  closed.catch(() => {});
  let bytes = 0;
  for await (const chunk of blob) {
    const written = new Promise<void>((resolve, reject) => {
      decompressor.write(chunk, (error) => (error == null ? resolve() : reject(error)));
    });
    await Promise.race([written, closed]);
    bytes += chunk.length;
  }
  decompressor.end();
  return bytes;
}
