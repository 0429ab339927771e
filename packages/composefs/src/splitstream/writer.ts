import { digestBytes, type HashAlgorithm } from '../fsverity/algorithm.ts';
import { compareBytes } from '../tree/byte-string.ts';
import { compressFrame, createFrameWriter } from './compress.ts';
import { encodeHeader, headerBytes, infoBytes, type Section } from './format.ts';

/** Builds the file of one split stream. */
export interface SplitStreamWriter {
  /** Adds bytes that are kept in the stream itself. They must not change afterwards. */
  writeInline(bytes: Uint8Array): Promise<void>;
  /** Adds the content of an object, by its digest in hex and its size. */
  writeObject(digest: string, sizeBytes: number): Promise<void>;
  /**
   * Makes the stream refer, under a name, to another stream or an image by its digest. Order counts; a name is given
   * once.
   */
  addNamedReference(name: string, digest: string): void;
  /** The whole file. Call it once, at the end. */
  finish(): Promise<Buffer>;
}

// Small pieces are gathered, so that the compressor is called once for many.
const gatherBytes = 64 * 1024;

/**
 * A writer of the split stream format (see {@link encodeHeader}). The merged stream is the concatenation of what is
 * added, in that order; equal additions give equal bytes, however inline bytes are cut.
 *
 * @param contentType eight ASCII characters, for example `ocilayer`.
 */
export function createSplitStreamWriter(algorithm: HashAlgorithm, contentType: string): SplitStreamWriter {
  const objects = new ReferenceList();
  const streams = new ReferenceList();
  const named: { name: string; index: number }[] = [];
  const frame = createFrameWriter();
  let inline: Uint8Array[] = [];
  let inlineBytes = 0;
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  let totalBytes = 0n;

  const gather = (bytes: Uint8Array): void => {
    gathered.push(bytes);
    gatheredBytes += bytes.length;
  };
  const flushGathered = async (): Promise<void> => {
    const bytes = Buffer.concat(gathered);
    gathered = [];
    gatheredBytes = 0;
    await frame.write(bytes);
  };
  const flushInline = (): void => {
    if (inlineBytes === 0) return;
    gather(signedNumber(-inlineBytes));
    for (const bytes of inline) gather(bytes);
    inline = [];
    inlineBytes = 0;
  };

  return {
    async writeInline(bytes) {
      inline.push(bytes);
      inlineBytes += bytes.length;
      totalBytes += BigInt(bytes.length);
    },
    async writeObject(digest, sizeBytes) {
      flushInline();
      gather(signedNumber(objects.indexOf(digest)));
      totalBytes += BigInt(sizeBytes);
      if (gatheredBytes >= gatherBytes) await flushGathered();
    },
    addNamedReference(name, digest) {
      named.push({ name, index: streams.indexOf(digest) });
    },
    async finish() {
      flushInline();
      await flushGathered();
      const names = named
        .map(({ name, index }) => `${index}:${name}\0`)
        .sort((a, b) => compareBytes(nameOf(a), nameOf(b)))
        .join('');
      const sections = [
        streams.encode(algorithm),
        objects.encode(algorithm),
        await compressFrame(Buffer.from(names)),
        await frame.finish(),
      ];
      const placed = placeSections(sections);
      const [streamReferences, objectReferences, namedReferences, stream] = placed as [
        Section,
        Section,
        Section,
        Section,
      ];
      const info = { streamReferences, objectReferences, namedReferences, stream, contentType, totalBytes };
      return Buffer.concat([encodeHeader(algorithm, info), ...sections]);
    },
  };
}

/** Digests without duplicates, in the order of their first use. */
class ReferenceList {
  readonly #indexes = new Map<string, number>();

  indexOf(digest: string): number {
    const known = this.#indexes.get(digest);
    if (known !== undefined) return known;
    const index = this.#indexes.size;
    this.#indexes.set(digest, index);
    return index;
  }

  encode(algorithm: HashAlgorithm): Buffer {
    const bytes = Buffer.alloc(this.#indexes.size * digestBytes[algorithm]);
    let offset = 0;
    for (const digest of this.#indexes.keys()) offset += bytes.write(digest, offset, 'hex');
    return bytes;
  }
}

function placeSections(sections: readonly Buffer[]): Section[] {
  let start = headerBytes + infoBytes;
  return sections.map((bytes) => {
    const section = { start, end: start + bytes.length };
    start = section.end;
    return section;
  });
}

function signedNumber(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}

function nameOf(record: string): string {
  return record.slice(record.indexOf(':') + 1, -1);
}
