import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { isCompressionError } from '../splitstream/compress.ts';
import { damagedStorage } from './errors.ts';

/** A piece of a layer's archive: bytes as they are, or the content of a file of the layer. */
export type TarSplitPiece =
  | { kind: 'bytes'; bytes: Buffer }
  | {
      kind: 'file';
      path: Buffer;
      sizeBytes: number /** CRC-64 of the content, if the record has one. */;
      checksum?: Buffer;
    };

/** Records of tar-split (github.com/vbatts/tar-split, tar/storage); positions are not used. */
const recordSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal(1),
    name: z.string().optional(),
    name_raw: z.string().optional(),
    size: z.number().int().nonnegative().optional(),
    payload: z.string().nullish(),
  }),
  z.object({ type: z.literal(2), payload: z.string() }),
]);

/** Longer records are not written: a segment holds headers and padding, never the content of a file. */
const longestRecordBytes = 64 * 1024 * 1024;

/**
 * Reads how the archive of a layer is put together: gzip of one JSON record a line.
 *
 * @throws CodedError `STORAGE_DAMAGED`; a system error.
 */
export function readTarSplit(path: string): AsyncGenerator<TarSplitPiece> {
  return decodeTarSplit(createReadStream(path), path);
}

/** Decodes what {@link readTarSplit} reads; `path` is what errors call it. */
export async function* decodeTarSplit(packed: AsyncIterable<Buffer>, path: string): AsyncGenerator<TarSplitPiece> {
  const source = Readable.from(packed);
  const lines = source.pipe(createGunzip({ chunkSize: 256 * 1024 }));
  source.on('error', (error) => lines.destroy(error));
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of lines as AsyncIterable<Buffer>) {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a)) {
        const piece = parseRecord(bytes.toString('utf8', 0, end), path);
        bytes = bytes.subarray(end + 1);
        if (piece !== undefined) yield piece;
      }
      rest = bytes;
      if (rest.length > longestRecordBytes) throw damagedStorage(path, 'a record does not end');
    }
  } catch (error) {
    throw isCompressionError(error) ? damagedStorage(path, 'it cannot be decompressed', error) : error;
  }
  if (rest.length > 0) throw damagedStorage(path, 'it ends in the middle of a record');
}

function parseRecord(line: string, path: string): TarSplitPiece | undefined {
  let record: z.infer<typeof recordSchema>;
  try {
    record = recordSchema.parse(JSON.parse(line));
  } catch (error) {
    throw damagedStorage(path, 'a record is not valid', error);
  }
  if (record.type === 2) return { kind: 'bytes', bytes: Buffer.from(record.payload, 'base64') };
  if (record.size === undefined || record.size === 0) return undefined;
  // Names that are no UTF-8 are kept apart, in base64.
  const name = record.name_raw === undefined ? Buffer.from(record.name ?? '') : Buffer.from(record.name_raw, 'base64');
  const checksum = Buffer.from(record.payload ?? '', 'base64');
  return { kind: 'file', path: name, sizeBytes: record.size, ...(checksum.length === 0 ? {} : { checksum }) };
}
