import { blockBytes, createFoldBlocks, type FoldBlocks, mostFoldedBytes } from './fold-blocks.ts';

/** CRC-64 of ISO 3309, as Go's hash/crc64 has it under the name ISO: what tar-split keeps of each file. */
export interface Crc64 {
  /** Takes the next bytes. */
  update(chunk: Uint8Array): void;
  /** The checksum of what came: eight bytes, the highest first. */
  digest(): Buffer;
}

/** Less than this is not worth folding: the last block has to be taken word by word in any case. */
const foldedBytes = 4 * blockBytes;

let foldBlocks: FoldBlocks | undefined;

/**
 * A CRC-64 that begins.
 *
 * The polynomial is x^64 + x^4 + x^3 + x + 1, bits reversed. It has so few terms that what leaves the register can be
 * multiplied by them: four bytes at a time, without a table.
 */
export function createCrc64(): Crc64 {
  let high = -1;
  let low = -1;
  const addByte = (byte: number): void => {
    // The byte takes the place of the lowest eight bits; shifted out, it comes back at the top.
    const out = (low ^ byte) & 0xff;
    low = (low >>> 8) | (high << 24);
    high >>>= 8;
    // As in the loop below, with eight bits instead of 32: they stand at the top of the upper half.
    const top = out << 24;
    high ^= top ^ (top >>> 1) ^ (top >>> 3) ^ (top >>> 4);
  };
  const addWords = (words: Int32Array): void => {
    let upper = high;
    let lower = low;
    for (let i = 0; i < words.length; i++) {
      const out = lower ^ (words[i] as number);
      lower = upper ^ (out << 31) ^ (out << 29) ^ (out << 28);
      upper = out ^ (out >>> 1) ^ (out >>> 3) ^ (out >>> 4);
    }
    high = upper;
    low = lower;
  };
  return {
    update(chunk) {
      let at = 0;
      for (let left = chunk.length; left >= foldedBytes; left = chunk.length - at) {
        foldBlocks ??= createFoldBlocks();
        const bytes = Math.min(left - (left % blockBytes), mostFoldedBytes);
        const block = foldBlocks(chunk.subarray(at, at + bytes), { low, high });
        high = 0;
        low = 0;
        addWords(block);
        at += bytes;
      }
      const aligned = at + Math.min((4 - ((chunk.byteOffset + at) % 4)) % 4, chunk.length - at);
      while (at < aligned) addByte(chunk[at++] as number);
      const count = (chunk.length - at) >>> 2;
      if (count > 0) addWords(new Int32Array(chunk.buffer, chunk.byteOffset + at, count));
      at += count * 4;
      while (at < chunk.length) addByte(chunk[at++] as number);
    },
    digest() {
      const checksum = Buffer.alloc(8);
      checksum.writeInt32BE(~high, 0);
      checksum.writeInt32BE(~low, 4);
      return checksum;
    },
  };
}
