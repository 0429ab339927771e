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

/** Entries as they are written, the same number of each. */
export interface WrittenEntries {
  names: readonly ByteString[];
  nids: readonly number[];
  fileTypes: readonly number[];
}

/** Writes a block or tail of a directory: first the fixed parts of all entries, then their names. */
export function writeEntries(
  { image, view }: { image: Buffer; view: DataView },
  offset: number,
  { names, nids, fileTypes }: WrittenEntries,
): void {
  let nameAt = names.length * direntBytes;
  let at = offset;
  for (let i = 0; i < names.length; i++) {
    const nid = nids[i] as number;
    view.setUint32(at, nid >>> 0, true);
    view.setUint32(at + 4, Math.floor(nid / 2 ** 32), true);
    view.setUint16(at + 8, nameAt, true);
    image[at + 10] = fileTypes[i] as number;
    nameAt += (names[i] as ByteString).length;
    at += direntBytes;
  }
  image.write(names.join(''), at, 'latin1');
}
