import { readTarEntries, type TarInput, takeWhole } from './entries.ts';
import { invalidTar } from './errors.ts';

/** Files above this size become objects; smaller ones stay in the stream, and in the image. */
export const inlineLimitBytes = 64;

/** Where the parts of an archive go, in their order. */
export interface SplitSink {
  writeInline(bytes: Buffer): void;
  /** Takes the content of a file; all chunks have to be consumed before it resolves. */
  writeObject(sizeBytes: number, chunks: AsyncIterable<Buffer>): Promise<void>;
}

/**
 * Splits an archive into the content of files above {@link inlineLimitBytes}, and everything else bit for
 * bit, what follows the archive's end included.
 *
 * @throws CodedError `TAR_INVALID`; whatever the archive's stream or the sink throws.
 */
export async function splitTar(archive: AsyncIterable<Buffer>, sink: SplitSink): Promise<void> {
  const source = createByteCursor(archive);
  const recorded: TarInput = {
    async take(length) {
      const bytes = await source.take(length);
      if (bytes.length > 0) sink.writeInline(bytes);
      return bytes;
    },
  };
  const entries = readTarEntries(recorded, async ({ sizeBytes }) => {
    if (sizeBytes <= inlineLimitBytes) return void (await takeWhole(recorded, sizeBytes));
    await sink.writeObject(sizeBytes, source.takeParts(sizeBytes));
  });
  try {
    for await (const _ of entries);
    for await (const bytes of source.rest()) sink.writeInline(bytes);
  } finally {
    await source.close();
  }
}

interface ByteCursor extends TarInput {
  /** The next bytes as they come. @throws CodedError `TAR_INVALID` if there are too few. */
  takeParts(length: number): AsyncGenerator<Buffer>;
  /** All that was not taken. */
  rest(): AsyncGenerator<Buffer>;
  /** Tells the stream that nothing more is wanted of it. */
  close(): Promise<void>;
}

function createByteCursor(stream: AsyncIterable<Buffer>): ByteCursor {
  const pieces = stream[Symbol.asyncIterator]();
  let current: Buffer = Buffer.alloc(0);
  const takePart = async (length: number): Promise<Buffer | undefined> => {
    while (current.length === 0) {
      const { value, done } = await pieces.next();
      if (done === true) return undefined;
      current = value;
    }
    const part = current.subarray(0, length);
    current = current.subarray(part.length);
    return part;
  };
  return {
    async take(length) {
      if (length === 0) return Buffer.alloc(0);
      const parts: Buffer[] = [];
      for (let left = length; left > 0; ) {
        const part = await takePart(left);
        if (part === undefined) break;
        parts.push(part);
        left -= part.length;
      }
      return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    },
    async *takeParts(length) {
      for (let left = length; left > 0; ) {
        const part = await takePart(left);
        if (part === undefined) throw invalidTar('it ends inside a file');
        left -= part.length;
        yield part;
      }
    },
    async close() {
      await pieces.return?.();
    },
    async *rest() {
      for (let part = await takePart(Number.MAX_SAFE_INTEGER); part !== undefined; ) {
        yield part;
        part = await takePart(Number.MAX_SAFE_INTEGER);
      }
    },
  };
}
