import { CodedError } from '@workbench/run';
import { textOf } from '../tree/byte-string.ts';
import type { ByteString } from '../tree/tree.ts';
import { blockBytes, direntBytes, longestTailBytes } from './format.ts';

/** How the entries of a directory are spread over blocks and a tail beside the inode. */
export interface DirectoryBlocks {
  /** For each full block: the number of entries before its end. */
  blockEnds: number[];
  /** Size of the tail; 0 if the last entries got a block too. */
  tailBytes: number;
}

/**
 * Spreads entries, in their order, over blocks.
 *
 * @throws CodedError `EROFS_LIMIT` for a name that no block has room for.
 */
export function spreadEntries(names: Iterable<ByteString>): DirectoryBlocks {
  const blockEnds: number[] = [];
  let count = 0;
  let filled = 0;
  for (const name of names) {
    const cost = direntBytes + name.length;
    if (cost > blockBytes) {
      throw new CodedError('EROFS_LIMIT', `a name of ${name.length} bytes is too long: ${textOf(name.slice(0, 60))}…`, {
        hint: `the longest that an image has room for is ${blockBytes - direntBytes} bytes; Linux allows 255`,
      });
    }
    if (filled + cost > blockBytes) {
      blockEnds.push(count);
      filled = 0;
    }
    filled += cost;
    count++;
  }
  if (filled <= longestTailBytes) return { blockEnds, tailBytes: filled };
  blockEnds.push(count);
  return { blockEnds, tailBytes: 0 };
}

/** One entry as it is written. */
export interface WrittenEntry {
  name: ByteString;
  nid: number;
  fileType: number;
}

/** Writes a block or tail of a directory: first the fixed parts of all entries, then their names. */
export function writeEntries(image: Buffer, offset: number, entries: readonly WrittenEntry[]): void {
  let nameAt = entries.length * direntBytes;
  let at = offset;
  for (const { name, nid, fileType } of entries) {
    image.writeUInt32LE(nid >>> 0, at);
    image.writeUInt32LE(Math.floor(nid / 2 ** 32), at + 4);
    image.writeUInt16LE(nameAt, at + 8);
    image[at + 10] = fileType;
    image.write(name, offset + nameAt, 'latin1');
    nameAt += name.length;
    at += direntBytes;
  }
}
