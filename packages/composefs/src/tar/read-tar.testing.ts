import type { Directory } from '../tree/tree.ts';
import { emptyDirectory } from '../tree/tree.ts';
import { applyEntry } from './apply-layer.ts';
import { readTarEntries, type TarInput, takeWhole } from './entries.ts';

/** An archive at hand as the input of a reader. */
export function inputOf(archive: Buffer): TarInput {
  let offset = 0;
  return {
    async take(length) {
      const bytes = archive.subarray(offset, offset + length);
      offset += bytes.length;
      return bytes;
    },
  };
}

/** The tree that one archive makes, all content inline. */
export async function readTar(archive: Buffer): Promise<Directory> {
  const root = emptyDirectory();
  const input = inputOf(archive);
  for await (const { entry, content } of readTarEntries(input, ({ sizeBytes }) => takeWhole(input, sizeBytes))) {
    applyEntry(root, entry, content === undefined ? undefined : { kind: 'inline', data: content });
  }
  return root;
}
