import { CodedError } from '@workbench/run';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDumpfile } from '../dumpfile/parse-dumpfile.ts';
import { writeDumpfile } from '../dumpfile/write-dumpfile.ts';
import type { Directory } from '../tree/tree.ts';
import { forEachNode } from '../tree/walk.ts';
import { arbitraryTree } from './arbitrary-tree.testing.ts';
import { type ErofsFormat, erofsFormats } from './format.ts';
import { listImageObjects } from './list-objects.ts';
import { readImage } from './read-image.ts';
import { isStubName, isWhiteout } from './whiteouts.ts';
import { writeImage } from './write-image.ts';

const algorithm = 'sha256';

/** What an image of a format can give back of a tree: whiteouts that look like stubs and, in format 2, nanoseconds get lost. */
function asReadBack(tree: Directory, format: ErofsFormat): Directory {
  for (const [name, node] of tree.entries) if (isStubName(name) && isWhiteout(node)) tree.entries.delete(name);
  if (format === 2) {
    forEachNode(tree, ({ metadata }) => {
      metadata.mtimeNanoseconds = 0;
    });
  }
  return tree;
}

function objectsOf(tree: Directory): Set<string> {
  const objects = new Set<string>();
  forEachNode(tree, (node) => {
    if (node.type === 'file' && 'digest' in node.content) objects.add(node.content.digest);
  });
  return objects;
}

test.each(erofsFormats)('format %d: an image gives back the tree it was made of, and lists its objects', (format) => {
  fc.assert(
    fc.property(arbitraryTree(algorithm, 40), (tree) => {
      const image = writeImage(tree, { format, algorithm });
      const readBack = readImage(image, { algorithm });
      expect(listImageObjects(image, { algorithm })).toEqual(objectsOf(tree));
      expect(writeDumpfile(readBack)).toBe(writeDumpfile(asReadBack(tree, format)));
    }),
    { numRuns: 150 },
  );
});

test('a dumpfile gives back the tree it was written of', () => {
  fc.assert(
    fc.property(arbitraryTree('sha512', 40), (tree) => {
      // A file without digest is read back from a dumpfile as one with it, since the writer prints the digest.
      const dumpfile = writeDumpfile(tree);
      expect(writeDumpfile(parseDumpfile(dumpfile, { algorithm: 'sha512' }))).toBe(dumpfile);
    }),
    { numRuns: 150 },
  );
});

test('a damaged image is read or refused, and nothing else happens', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(arbitraryTree(algorithm, 20), fc.constantFrom(...erofsFormats), damage, (tree, format, changes) => {
      const image = writeImage(tree, { format, algorithm });
      for (const [at, value] of changes) image[at % image.length] = value;
      for (const read of [readImage, listImageObjects]) {
        try {
          read(image, { algorithm });
        } catch (error) {
          if (!(error instanceof CodedError) || error.code !== 'EROFS_INVALID') throw error;
        }
      }
    }),
    { numRuns: 1000 },
  );
});

const small = parseDumpfile('/ 0 40755 3 0 0 0 1000.0 - - -\n/d 0 40755 2 0 0 0 1000.0 - - -\n', { algorithm });

test.each<[string, (image: Buffer) => Buffer | undefined]>([
  ['too short', (image) => image.subarray(0, 1100)],
  ['another magic', (image) => void image.writeUInt32LE(1, 0)],
  ['an unknown format', (image) => void image.writeUInt32LE(3, 12)],
  ['another block size', (image) => void image.writeUInt8(9, 1024 + 12)],
  ['compression', (image) => void image.writeUInt32LE(1, 1024 + 80)],
  ['extra devices', (image) => void image.writeUInt16LE(1, 1024 + 86)],
  ['a root outside', (image) => void image.writeUInt16LE(0xffff, 1024 + 14)],
  ['a wrong link count', (image) => void image.writeUInt16LE(9, 1152 + 6)],
  ['content outside', (image) => void image.writeUInt32LE(0xffff, 1152 + 16)],
  ['a directory larger than the image', (image) => void image.writeUInt32LE(0xffff_f000, 1152 + 8)],
])('an image with %s is refused', (_, change) => {
  const image = writeImage(small, { format: 1, algorithm });
  expect(image.readUInt16LE(1152 + 6)).toBe(3);
  const changed = change(image) ?? image;
  expect(() => readImage(changed, { algorithm })).toThrow(expect.objectContaining({ code: 'EROFS_INVALID' }));
});

test('a directory that holds itself is refused', () => {
  const image = writeImage(small, { format: 2, algorithm });
  // The entry d of the root is the last of three, in the tail after the extended inode: 12 bytes each.
  const entry = 1152 + 64 + 2 * 12;
  expect(image.readUInt32LE(entry)).toBe((1152 + 128) / 32);
  image.writeUInt32LE(36, entry);
  for (const read of [readImage, listImageObjects]) {
    expect(() => read(image, { algorithm })).toThrow('several names');
  }
});
