import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { CodedError } from '@workbench/run';
import { isCompressionError } from '../splitstream/compress.ts';

// The mark is of streams: so much is decompressed ahead on another thread while this one is busy.
const options = { chunkSize: 256 * 1024, highWaterMark: 4 * 1024 * 1024 };

const gzipMagic = Buffer.from([0x1f, 0x8b]);
const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/**
 * The archive of a layer: plain, gzip (all members) or zstd (all frames). How it is compressed is seen by how it begins,
 * since archives that `docker save` makes have a manifest that says something else.
 *
 * @throws CodedError `OCI_LAYER_TYPE` for a media type that is no archive; `OCI_LAYER_DAMAGED` while reading.
 */
export function decompressLayer(mediaType: string, blob: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  if (/[.+](tar|gzip|zstd)$/.test(mediaType)) return decompress(blob);
  throw new CodedError('OCI_LAYER_TYPE', `a layer has the unknown type ${mediaType}`, {
    hint: 'layers have to be tar archives: plain, gzip or zstd',
  });
}

async function* decompress(blob: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const pieces = blob[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < zstdMagic.length) {
    const { value, done } = await pieces.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  const whole = prepend(head, pieces);
  if (head.subarray(0, gzipMagic.length).equals(gzipMagic)) yield* inflate(whole, createGunzip(options));
  else if (head.subarray(0, zstdMagic.length).equals(zstdMagic)) {
    yield* inflate(whole, createZstdDecompress(options));
  } else yield* whole;
}

async function* prepend(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* { [Symbol.asyncIterator]: () => rest };
}

async function* inflate(blob: AsyncIterable<Buffer>, decompressor: NodeJS.ReadWriteStream): AsyncGenerator<Buffer> {
  // What fails is thrown by the reading side; the promise only must not go unheard.
  const fed = pipeline(Readable.from(blob, { objectMode: false }), decompressor);
  fed.catch(() => {});
  try {
    yield* decompressor as unknown as AsyncIterable<Buffer>;
  } catch (error) {
    if (!isCompressionError(error)) throw error;
    throw new CodedError('OCI_LAYER_DAMAGED', 'a layer cannot be decompressed', {
      hint: 'the image is damaged; copy it anew',
      cause: error,
    });
  }
  await fed;
}
