import { invalidStream } from './format.ts';
import type { SplitStreamChunk } from './reader.ts';

/** Walks a merged stream by lengths that only its content says, such as those of an archive. */
export interface ChunkCursor {
  /** The next inline bytes: as many as asked for, or fewer at the end of the stream. */
  take(length: number): Promise<Buffer>;
  /** The digest of the object that comes next, or undefined if inline bytes do. */
  takeObject(): Promise<string | undefined>;
}

/** A cursor at the beginning of a stream's chunks. */
export function createChunkCursor(chunks: AsyncIterator<SplitStreamChunk>): ChunkCursor {
  let current: SplitStreamChunk | undefined;
  let isAtEnd = false;
  const peek = async (): Promise<SplitStreamChunk | undefined> => {
    if (current !== undefined || isAtEnd) return current;
    const { value, done } = await chunks.next();
    isAtEnd = done === true;
    current = isAtEnd ? undefined : value;
    return current;
  };
  const takePart = async (length: number): Promise<Buffer | undefined> => {
    const chunk = await peek();
    if (chunk === undefined) return undefined;
    if (chunk.kind === 'object') throw invalidStream('an object stands where inline bytes are expected');
    const part = chunk.bytes.subarray(0, length);
    current =
      part.length === chunk.bytes.length ? undefined : { kind: 'inline', bytes: chunk.bytes.subarray(part.length) };
    return part;
  };
  return {
    async take(length) {
      if (length === 0) return Buffer.alloc(0);
      const first = await takePart(length);
      if (first === undefined) return Buffer.alloc(0);
      if (first.length === length) return first;
      const parts = [first];
      for (let left = length - first.length; left > 0; ) {
        const part = await takePart(left);
        if (part === undefined) break;
        parts.push(part);
        left -= part.length;
      }
      return Buffer.concat(parts);
    },
    async takeObject() {
      const chunk = await peek();
      if (chunk?.kind !== 'object') return undefined;
      current = undefined;
      return chunk.digest;
    },
  };
}
