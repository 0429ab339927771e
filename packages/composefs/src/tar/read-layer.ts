import { createChunkCursor } from '../splitstream/chunk-cursor.ts';
import type { SplitStream } from '../splitstream/reader.ts';
import type { Directory, FileContent } from '../tree/tree.ts';
import { applyEntry } from './apply-layer.ts';
import { readTarEntries, type TarEntry, takeWhole } from './entries.ts';

/**
 * Applies a layer, kept as a split stream of its archive, to the tree of the layers before it. No object is read.
 *
 * @throws CodedError `TAR_INVALID` if the layer is no usable archive or does not fit on the tree;
 * `SPLITSTREAM_INVALID`.
 */
export async function applyLayer(root: Directory, layer: SplitStream): Promise<void> {
  for await (const { entry, content } of readLayer(layer)) applyEntry(root, entry, content);
}

/** The entries of a layer that is kept as a split stream, in order. @throws as {@link applyLayer}. */
export function readLayer(layer: SplitStream): AsyncGenerator<{ entry: TarEntry; content: FileContent | undefined }> {
  const cursor = createChunkCursor(layer.chunks());
  return readTarEntries<FileContent>(cursor, async ({ sizeBytes }) => {
    const digest = await cursor.takeObject();
    if (digest !== undefined) return { kind: 'external', digest, sizeBytes: BigInt(sizeBytes) };
    return { kind: 'inline', data: Uint8Array.from(await takeWhole(cursor, sizeBytes)) };
  });
}
