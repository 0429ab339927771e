import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { formatAlgorithm, hashAlgorithms, parseAlgorithm, parseDigest } from './algorithm.ts';
import { computeFileVerity, computeStreamVerity, computeVerity, createVerityHasher } from './digest.ts';
import { measureFile, verifyFile } from './seal.ts';

const vectors = JSON.parse(readFileSync(new URL('../../vectors/vectors.json', import.meta.url), 'utf8')) as {
  verity: { files: { size: number; sha256: string; sha512: string }[] };
};
const folder = dirSync({ unsafeCleanup: true, prefix: 'fsverity-' });
afterAll(() => folder.removeCallback());

function content(size: number): Uint8Array {
  const data = new Uint8Array(size);
  for (let i = 0; i < size; i++) data[i] = i % 251;
  return data;
}

test.each(vectors.verity.files)('a file of $size bytes has the digest the kernel computes', (vector) => {
  for (const algorithm of hashAlgorithms) {
    expect(computeVerity(content(vector.size), algorithm)).toBe(vector[algorithm]);
  }
});

test('a file on disk and a stream have the digest of their content', async () => {
  const data = content(3_000_000);
  const path = join(folder.name, 'large');
  writeFileSync(path, data);
  const digest = computeVerity(data, 'sha512');
  expect(computeFileVerity(path, 'sha512')).toBe(digest);
  expect(await computeStreamVerity([data.subarray(0, 5000), data.subarray(5000)], 'sha512')).toBe(digest);
});

test('the digest does not depend on how the content is cut', () => {
  // 300 blocks: more than two levels of the tree for both algorithms.
  const data = content(300 * 4096 + 17);
  const whole = computeVerity(data, 'sha512');
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 40 }), (cuts) => {
      const hasher = createVerityHasher('sha512');
      let at = 0;
      for (const length of [...cuts, data.length]) {
        const chunk = data.slice(at, at + length);
        hasher.update(chunk);
        chunk.fill(0xff);
        at += length;
      }
      expect(hasher.digest()).toBe(whole);
    }),
    { numRuns: 30 },
  );
});

test('names of algorithms are understood in both forms, others are refused', () => {
  for (const algorithm of hashAlgorithms) {
    expect(parseAlgorithm(formatAlgorithm(algorithm))).toBe(algorithm);
    expect(parseAlgorithm(`fsverity-${algorithm}-12`)).toBe(algorithm);
  }
  for (const wrong of ['sha256', 'sha256-16', 'fsverity-md5-12', '']) {
    expect(() => parseAlgorithm(wrong)).toThrow(expect.objectContaining({ code: 'VERITY_ALGORITHM' }));
  }
});

test('digests are read in any case, and have to have the right length', () => {
  expect(parseDigest('AB'.repeat(32), 'sha256')).toBe('ab'.repeat(32));
  for (const wrong of ['ab', 'ab'.repeat(64), 'zz'.repeat(32)]) {
    expect(() => parseDigest(wrong, 'sha256')).toThrow(expect.objectContaining({ code: 'VERITY_DIGEST' }));
  }
});

test('a file without seal is refused or hashed, as the policy says; a wrong digest never passes', () => {
  const path = join(folder.name, 'unsealed');
  writeFileSync(path, 'content');
  const fd = openSync(path, 'r');
  const expected = {
    digest: computeVerity(Buffer.from('content'), 'sha256'),
    algorithm: 'sha256',
    name: 'it',
  } as const;
  expect(measureFile(fd, 'sha256').state).not.toBe('sealed');
  verifyFile(fd, { ...expected, policy: 'if-supported' });
  const attempt = (options: { policy: 'require' | 'if-supported'; digest?: string }) => () =>
    verifyFile(fd, { ...expected, ...options });
  expect(attempt({ policy: 'require' })).toThrow(expect.objectContaining({ code: 'VERITY_MISSING' }));
  const wrong = attempt({ policy: 'if-supported', digest: '00'.repeat(32) });
  expect(wrong).toThrow(expect.objectContaining({ code: 'VERITY_MISMATCH' }));
  closeSync(fd);
});
