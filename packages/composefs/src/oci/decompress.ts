import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { CodedError } from '@workbench/run';
import { isCompressionError } from '../splitstream/compress.ts';

const chunkSize = 256 * 1024;

/**
 * The archive of a layer, by its media type: plain, gzip (all members) or zstd (all frames).
 *
 * @throws CodedError `OCI_LAYER_TYPE` for another type; `OCI_LAYER_DAMAGED` while reading.
 */
export function decompressLayer(mediaType: string, blob: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  if (/[.+]gzip$/.test(mediaType)) return inflate(blob, createGunzip({ chunkSize }));
  if (/[.+]zstd$/.test(mediaType)) return inflate(blob, createZstdDecompress({ chunkSize }));
  if (mediaType.endsWith('.tar')) return blob;
  throw new CodedError('OCI_LAYER_TYPE', `a layer has the unknown type ${mediaType}`, {
    hint: 'layers have to be tar archives: plain, gzip or zstd',
  });
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
