import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseDumpfile } from '../dumpfile/parse-dumpfile.ts';
import { type HashAlgorithm, hashAlgorithms } from '../fsverity/algorithm.ts';
import { computeVerity } from '../fsverity/digest.ts';
import type { ErofsFormat } from './format.ts';
import { writeImage } from './write-image.ts';

type Version = `V${ErofsFormat}`;
interface ImageVector {
  dumpfile: string;
  image: Partial<Record<Version, string>>;
  imageSize: Partial<Record<Version, number>>;
}
const folder = new URL('../../vectors/', import.meta.url);
const { images } = JSON.parse(readFileSync(new URL('vectors.json', folder), 'utf8')) as {
  images: Record<string, Partial<Record<HashAlgorithm, ImageVector>>>;
};

const cases = Object.entries(images).flatMap(([name, vectors]) =>
  hashAlgorithms.flatMap((algorithm) =>
    Object.entries(vectors[algorithm]?.image ?? {}).map(([version, digest]) => {
      const vector = vectors[algorithm] as ImageVector;
      const format = Number(version.slice(1)) as ErofsFormat;
      return { name, algorithm, format, digest, dumpfile: vector.dumpfile, size: vector.imageSize[version as Version] };
    }),
  ),
);

test('the vectors cover both hashes and all formats', () => {
  expect(cases.length).toBe(94);
});

test.each(cases)('$name, $algorithm, format $format: the image is the one cfsctl makes', (vector) => {
  const { algorithm, format } = vector;
  const dumpfile = readFileSync(new URL(vector.dumpfile, folder));
  const tree = parseDumpfile(dumpfile, { algorithm, symlinkLimitBytes: 4095 });
  const image = writeImage(tree, { format, algorithm });
  expect(image.length).toBe(vector.size);
  expect(computeVerity(image, algorithm)).toBe(vector.digest);
});
