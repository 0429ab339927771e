import { invalidStream } from '../splitstream/format.ts';
import type { SplitStream, SplitStreamChunk } from '../splitstream/reader.ts';
import type { Directory, FileContent } from '../tree/tree.ts';
import { applyEntry } from './apply-layer.ts';
import { paddedBytes, readEntry, type TarEntry } from './entries.ts';
import { invalidTar } from './errors.ts';
import { blockBytes, isZeroBlock } from './header.ts';
import { inlineLimitBytes } from './split-tar.ts';

/**
 * Applies a layer, kept as a split stream of its archive, to the tree of the layers before it. No object is read.
 *
 * @throws CodedError `TAR_INVALID` if the layer is no usable archive or does not fit on the tree;
 * `SPLITSTREAM_INVALID`.
 */
export async function applyLayer(root: Directory, layer: SplitStream): Promise<void> {
  await readLayer(layer, (entry, content) => applyEntry(root, entry, content));
}

/**
 * Reads the entries of a layer that is kept as a split stream, in order, each with its content if it is a file that is not
 * empty.
 *
 * @throws CodedError as {@link applyLayer}; whatever `take` throws.
 */
export async function readLayer(layer: SplitStream, take: TakeEntry): Promise<void> {
  const parser = createLayerParser(take);
  for await (const batch of layer.batches()) {
    for (const chunk of batch) if (!parser.add(chunk)) return;
  }
  parser.finish();
}

type TakeEntry = (entry: TarEntry, content: FileContent | undefined) => void;

// A chunk may hold thousands of entries, which are not worth a promise each.
function createLayerParser(take: TakeEntry) {
  let rest: Buffer = Buffer.alloc(0);
  /** A file whose content comes next. */
  let expected: TarEntry | undefined;
  /** Padding, and what follows the headers of entries that are no files. */
  let bytesToSkip = 0;

  const addObject = (digest: string): void => {
    if (expected === undefined || rest.length > 0 || expected.sizeBytes <= inlineLimitBytes) {
      throw invalidStream('an object stands where inline bytes are expected');
    }
    const { sizeBytes } = expected;
    take(expected, { kind: 'external', digest, sizeBytes: BigInt(sizeBytes) });
    bytesToSkip = paddedBytes(sizeBytes) - sizeBytes;
    expected = undefined;
  };

  /** Whether the archive goes on. */
  const addInline = (added: Buffer): boolean => {
    const bytes = rest.length === 0 ? added : Buffer.concat([rest, added]);
    let at = 0;
    for (;;) {
      const skipped = Math.min(bytesToSkip, bytes.length - at);
      bytesToSkip -= skipped;
      at += skipped;
      if (at === bytes.length) break;
      if (expected !== undefined) {
        const { sizeBytes } = expected;
        if (sizeBytes > inlineLimitBytes) throw invalidStream('inline bytes stand where an object is expected');
        if (at + sizeBytes > bytes.length) break;
        take(expected, { kind: 'inline', data: Uint8Array.from(bytes.subarray(at, at + sizeBytes)) });
        bytesToSkip = paddedBytes(sizeBytes);
        expected = undefined;
        continue;
      }
      const step = readEntry(bytes, at);
      if (step.kind === 'incomplete') break;
      if (step.kind === 'end') return false;
      at += step.headerBytes;
      if (step.kind === 'global') continue;
      const { entry } = step;
      if (entry.type === 'file' && entry.sizeBytes > 0) {
        expected = entry;
      } else {
        take(entry, undefined);
        bytesToSkip = paddedBytes(entry.sizeBytes);
      }
    }
    rest = bytes.subarray(at);
    return true;
  };

  return {
    add(chunk: SplitStreamChunk): boolean {
      if (chunk.kind === 'inline') return addInline(chunk.bytes);
      addObject(chunk.digest);
      return true;
    },
    finish(): void {
      // Of the two zero blocks the archive of a stored layer may lack one, or both.
      const isWhole = rest.length === 0 || (rest.length === blockBytes && isZeroBlock(rest));
      if (!isWhole || expected !== undefined || bytesToSkip > 0) throw invalidTar('it ends inside an entry');
    },
  };
}
