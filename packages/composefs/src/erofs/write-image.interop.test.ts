import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import fc from 'fast-check';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { parseDumpfile } from '../dumpfile/parse-dumpfile.ts';
import { writeDumpfile } from '../dumpfile/write-dumpfile.ts';
import type { Directory } from '../tree/tree.ts';
import { arbitraryTree } from './arbitrary-tree.testing.ts';
import { findCfsctl } from './cfsctl.testing.ts';
import { listImageObjects } from './list-objects.ts';
import { readImage } from './read-image.ts';
import { writeImage } from './write-image.ts';

const algorithm = 'sha256';
const folder = dirSync({ unsafeCleanup: true, prefix: 'erofs-interop-' });
afterAll(() => folder.removeCallback());
const at = (name: string) => join(folder.name, name);

async function cfsctl(...args: string[]): Promise<string> {
  const result = await run([findCfsctl(), ...args], { step: `cfsctl ${args[0]}`, timeoutMs: 60_000 });
  return result.stdout;
}

async function makeImage(tree: Directory, format: 0 | 1): Promise<Buffer> {
  writeFileSync(at('dump'), writeDumpfile(tree));
  await cfsctl('mkcomposefs', '--from-file', '--min-version', String(format), at('dump'), at('image'));
  return readFileSync(at('image'));
}

/** Compares quickly, and says where two images differ. */
function expectSameBytes(ours: Buffer, theirs: Buffer): void {
  if (ours.equals(theirs)) return;
  const length = Math.min(ours.length, theirs.length);
  let offset = 0;
  while (offset < length && ours[offset] === theirs[offset]) offset++;
  const around = (image: Buffer) => image.toString('hex', offset & ~15, (offset & ~15) + 64);
  expect({ offset, size: ours.length, around: around(ours) }).toEqual({
    offset,
    size: theirs.length,
    around: around(theirs),
  });
}

/** Random trees whose external files all have a digest: an object known by its path only does not stand in a dumpfile. */
const trees = arbitraryTree(algorithm, 40).map((tree) => parseDumpfile(writeDumpfile(tree), { algorithm }));

test.each([0, 1] as const)('random dumpfiles make the same image, byte for byte, in format %d', async (format) => {
  await fc.assert(
    fc.asyncProperty(trees, async (tree) => {
      expectSameBytes(writeImage(tree, { format, algorithm }), await makeImage(tree, format));
    }),
    { numRuns: 200 },
  );
});

test('what is read back of random images, and their objects, is what composefs-info prints', async () => {
  await fc.assert(
    fc.asyncProperty(trees, fc.constantFrom(0 as const, 1 as const), async (tree, format) => {
      const image = writeImage(tree, { format, algorithm });
      writeFileSync(at('image'), image);
      expect(writeDumpfile(readImage(image, { algorithm }))).toBe(await cfsctl('composefs-info', 'dump', at('image')));
      const printed = (await cfsctl('composefs-info', 'objects', at('image')))
        .split('\n')
        .filter((line) => line !== '');
      const listed = [...listImageObjects(image, { algorithm })].map(
        (digest) => `${digest.slice(0, 2)}/${digest.slice(2)}`,
      );
      expect(listed.sort()).toEqual(printed.sort());
    }),
    { numRuns: 100 },
  );
});
