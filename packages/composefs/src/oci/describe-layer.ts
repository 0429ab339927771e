import { formatHardLink, formatNode } from '../dumpfile/write-dumpfile.ts';
import type { OpenedStream } from '../repository/streams.ts';
import { makeNode } from '../tar/apply-layer.ts';
import type { TarEntry } from '../tar/entries.ts';
import { readLayer } from '../tar/read-layer.ts';
import type { FileContent } from '../tree/tree.ts';

/** What a layer consists of. */
export interface LayerDescription {
  /** Of the uncompressed archive. */
  sizeBytes: number;
  entryCount: number;
  /** Objects that the layer refers to, and the sum of the sizes of all places where it does. */
  objectCount: number;
  objectBytes: number;
}

/** Counts what is in a layer. @throws CodedError `TAR_INVALID`, `SPLITSTREAM_INVALID`. */
export async function describeLayer(layer: OpenedStream): Promise<LayerDescription> {
  let entryCount = 0;
  let objectBytes = 0n;
  await readLayer(layer, (_, content) => {
    entryCount += 1;
    if (content?.kind === 'external') objectBytes += content.sizeBytes;
  });
  return {
    sizeBytes: Number(layer.totalBytes),
    entryCount,
    objectCount: layer.objectReferences.length,
    objectBytes: Number(objectBytes),
  };
}

/**
 * Gives the entries of a layer in the order of its archive, each as a line of a dumpfile (composefs-dump(5)): nothing is
 * applied, so whiteouts are files, and every link count is 1.
 *
 * @throws CodedError `TAR_INVALID`, `SPLITSTREAM_INVALID`.
 */
export async function dumpLayer(layer: OpenedStream, takeLine: (line: string) => void): Promise<void> {
  await readLayer(layer, (entry, content) => takeLine(formatEntry(entry, content)));
}

function formatEntry(entry: TarEntry, content: FileContent | undefined): string {
  const path = absolute(entry.path);
  if (entry.type === 'hard-link') return formatHardLink(path, absolute(entry.linkTarget));
  return formatNode(path, makeNode(entry, content), 1);
}

function absolute(path: string): string {
  const stripped = path.replace(/\/+$/, '');
  return stripped.startsWith('/') ? stripped : `/${stripped}`;
}
