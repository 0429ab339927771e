import type { Directory } from '../tree/tree.ts';
import { emptyDirectory } from '../tree/tree.ts';
import { applyEntry } from './apply-layer.ts';
import { paddedBytes, readEntry, type TarEntry } from './entries.ts';
import { invalidTar } from './errors.ts';

/** The entries of an archive at hand, in order, with what follows their headers. */
export function* readArchive(archive: Buffer): Generator<{ entry: TarEntry; content: Buffer }> {
  for (let at = 0; at < archive.length; ) {
    const step = readEntry(archive, at);
    if (step.kind === 'end') return;
    if (step.kind === 'incomplete') throw invalidTar('it ends inside a header');
    const contentAt = at + step.headerBytes;
    at = contentAt;
    if (step.kind === 'global') continue;
    const { entry } = step;
    at += paddedBytes(entry.sizeBytes);
    if (at > archive.length) throw invalidTar('it ends inside an entry');
    yield { entry, content: archive.subarray(contentAt, contentAt + entry.sizeBytes) };
  }
}

/** The tree that one archive makes, all content inline. */
export function readTar(archive: Buffer): Directory {
  const root = emptyDirectory();
  for (const { entry, content } of readArchive(archive)) applyEntry(root, entry, { kind: 'inline', data: content });
  return root;
}
