import { digestBytes, type HashAlgorithm } from '../fsverity/algorithm.ts';
import { decompressFrames, isCompressionError } from './compress.ts';
import { decodeHeader, invalidStream, type Section } from './format.ts';

/** A piece of a merged stream. */
export type SplitStreamChunk = { kind: 'inline'; bytes: Buffer } | { kind: 'object'; digest: string };

/** A split stream file that was opened. Digests are lower-case hex. */
export interface SplitStream {
  contentType: string;
  /** Length of the merged stream. */
  totalBytes: bigint;
  objectReferences: string[];
  /** Names to digests of other streams, or of images. */
  namedReferences: Map<string, string>;
  /**
   * The merged stream in order; a run of inline bytes may come in several pieces. Of each batch all has to be taken before the
   * next. May be called more than once.
   */
  batches(): AsyncGenerator<Iterable<SplitStreamChunk>>;
  /** The same, chunk by chunk. */
  chunks(): AsyncGenerator<SplitStreamChunk>;
}

/** A few bytes can be decompressed to very many; the names of a thousand layers are far below this. */
const mostNameBytes = 1024 * 1024;

/**
 * Opens the file of a split stream, all of which is at hand. Only lengths and references are checked; that the content
 * is the right one has to be known from the digest of the file.
 *
 * @param contentType if given, the only one accepted.
 * @throws CodedError `SPLITSTREAM_INVALID` if the file is none, or is damaged; so do the chunks.
 */
export async function openSplitStream(
  file: Buffer,
  algorithm: HashAlgorithm,
  contentType?: string,
): Promise<SplitStream> {
  const info = decodeHeader(file, algorithm);
  if (contentType !== undefined && info.contentType !== contentType) {
    throw invalidStream(`it holds ${JSON.stringify(info.contentType)}, not ${JSON.stringify(contentType)}`);
  }
  const bytesOf = (section: Section) => file.subarray(section.start, section.end);
  const streamReferences = decodeDigests(bytesOf(info.streamReferences), algorithm);
  const objectReferences = decodeDigests(bytesOf(info.objectReferences), algorithm);
  const batches = () => decodeBatches(bytesOf(info.stream), objectReferences);
  return {
    contentType: info.contentType,
    totalBytes: info.totalBytes,
    objectReferences,
    namedReferences: decodeNames(await decompressNames(bytesOf(info.namedReferences)), streamReferences),
    batches,
    async *chunks() {
      for await (const batch of batches()) yield* batch;
    },
  };
}

function decodeDigests(bytes: Buffer, algorithm: HashAlgorithm): string[] {
  const length = digestBytes[algorithm] * 2;
  // Parts of a text need no memory of their own.
  const all = bytes.toString('hex');
  return Array.from({ length: all.length / length }, (_, i) => all.slice(i * length, (i + 1) * length));
}

function decodeNames(bytes: Buffer, references: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const record of bytes.toString().split('\0').slice(0, -1)) {
    const colon = record.indexOf(':');
    const index = record.slice(0, colon);
    const digest = /^\d+$/.test(index) ? references[Number(index)] : undefined;
    if (digest === undefined) throw invalidStream(`its named reference ${JSON.stringify(record)} refers to nothing`);
    names.set(record.slice(colon + 1), digest);
  }
  return names;
}

async function decompressNames(frame: Buffer): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of decompressFrames(frame)) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > mostNameBytes) throw invalidStream('its named references have no end');
    }
  } catch (error) {
    throw isCompressionError(error) ? invalidStream('its named references cannot be decompressed', error) : error;
  }
  return Buffer.concat(pieces);
}

async function* decodeBatches(
  frame: Buffer,
  references: readonly string[],
): AsyncGenerator<Iterable<SplitStreamChunk>> {
  const decoder = createChunkDecoder(references);
  try {
    for await (const piece of decompressFrames(frame)) yield decoder.decode(piece);
  } catch (error) {
    throw isCompressionError(error) ? invalidStream('its content cannot be decompressed', error) : error;
  }
  decoder.finish();
}

function createChunkDecoder(references: readonly string[]) {
  let rest: Buffer = Buffer.alloc(0);
  let inlineLeft = 0;
  return {
    /** The chunks in a piece of the content, which follows the one before. */
    *decode(piece: Buffer): Generator<SplitStreamChunk> {
      const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      let at = 0;
      while (at < bytes.length) {
        if (inlineLeft > 0) {
          const part = bytes.subarray(at, at + inlineLeft);
          inlineLeft -= part.length;
          at += part.length;
          yield { kind: 'inline', bytes: part };
          continue;
        }
        if (at + 8 > bytes.length) break;
        const number = bytes.readInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);
        at += 8;
        if (number < 0) {
          inlineLeft = -number;
          continue;
        }
        const digest = references[number];
        if (digest === undefined) throw invalidStream(`it refers to object ${number} of ${references.length}`);
        yield { kind: 'object', digest };
      }
      rest = bytes.subarray(at);
    },
    finish(): void {
      if (rest.length > 0 || inlineLeft > 0) throw invalidStream('its content ends in the middle of a chunk');
    },
  };
}
