import { createChunkCursor } from '../splitstream/chunk-cursor.ts';
import type { SplitStream } from '../splitstream/reader.ts';
import type { Directory, FileContent } from '../tree/tree.ts';
import { applyEntry } from './apply-layer.ts';
import { readTarEntries, takeWhole } from './entries.ts';

/**
 * Applies a layer, kept as a split stream of its archive, to the tree of the layers before it. No object is read.
 *
 * @throws CodedError `TAR_INVALID` if the layer is no usable archive or does not fit on the tree;
 * `SPLITSTREAM_INVALID`.
 */
export async function applyLayer(root: Directory, layer: SplitStream): Promise<void> {
  const cursor = createChunkCursor(layer.chunks());
  const entries = readTarEntries<FileContent>(cursor, async ({ sizeBytes }) => {
    const digest = await cursor.takeObject();
    if (digest !== undefined) return { kind: 'external', digest, sizeBytes: BigInt(sizeBytes) };
    return { kind: 'inline', data: Uint8Array.from(await takeWhole(cursor, sizeBytes)) };
  });
  for await (const { entry, content } of entries) applyEntry(root, entry, content);
}
