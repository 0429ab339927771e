import { paddedBytes, readEntry } from './entries.ts';
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
 * @param archive its chunks stay as they are.
 * @throws CodedError `TAR_INVALID`; whatever the archive's stream or the sink throws.
 */
export async function splitTar(archive: AsyncIterable<Buffer>, sink: SplitSink): Promise<void> {
  const source = createWindow(archive);
  // Bytes at the beginning of the window that are headers and small content, not written yet.
  let run = 0;
  const writeRun = (): void => {
    if (run > 0) sink.writeInline(source.take(run));
    run = 0;
  };
  const writeInline = async (length: number): Promise<void> => {
    for await (const part of source.takeParts(length)) sink.writeInline(part);
  };
  try {
    for (;;) {
      const step = readEntry(source.bytes(), run);
      if (step.kind === 'incomplete') {
        writeRun();
        if (await source.fill()) continue;
        if (source.bytes().length === 0) return;
        throw invalidTar('it ends inside a header');
      }
      run += step.headerBytes;
      if (step.kind === 'end') break;
      if (step.kind === 'global') continue;
      const { type, sizeBytes } = step.entry;
      const storedBytes = paddedBytes(sizeBytes);
      if (type === 'file' && sizeBytes > inlineLimitBytes) {
        writeRun();
        await sink.writeObject(sizeBytes, source.takeParts(sizeBytes));
        await writeInline(storedBytes - sizeBytes);
      } else if (run + storedBytes <= source.bytes().length) {
        run += storedBytes;
      } else {
        writeRun();
        await writeInline(storedBytes);
      }
    }
    writeRun();
    do sink.writeInline(source.take(source.bytes().length));
    while (await source.fill());
  } finally {
    await source.close();
  }
}

/** The part of a stream that is at hand. */
interface Window {
  bytes(): Buffer;
  /** Adds the next piece of the stream to the bytes; false at its end. */
  fill(): Promise<boolean>;
  /** Takes some of the bytes at hand. */
  take(length: number): Buffer;
  /** The next bytes as they come. @throws CodedError `TAR_INVALID` if there are too few. */
  takeParts(length: number): AsyncGenerator<Buffer>;
  /** Tells the stream that nothing more is wanted of it. */
  close(): Promise<void>;
}

function createWindow(stream: AsyncIterable<Buffer>): Window {
  const pieces = stream[Symbol.asyncIterator]();
  let bytes: Buffer = Buffer.alloc(0);
  const fill = async (): Promise<boolean> => {
    const { value, done } = await pieces.next();
    if (done === true) return false;
    bytes = bytes.length === 0 ? value : Buffer.concat([bytes, value]);
    return true;
  };
  const take = (length: number): Buffer => {
    const taken = bytes.subarray(0, length);
    bytes = bytes.subarray(taken.length);
    return taken;
  };
  return {
    bytes: () => bytes,
    fill,
    take,
    async *takeParts(length) {
      for (let left = length; left > 0; ) {
        if (bytes.length === 0 && !(await fill())) throw invalidTar('it ends inside an entry');
        const part = take(left);
        left -= part.length;
        yield part;
      }
    },
    async close() {
      await pieces.return?.();
    },
  };
}
