import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { computeFileVerity } from '../fsverity/digest.ts';
import { createFileDigester } from './digest-files.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'digest-files-' });
afterAll(() => folder.removeCallback());

test('digests of many files are those of each, and what cannot be read is an error', async () => {
  const paths = Array.from({ length: 30 }, (_, i) => Buffer.from(join(folder.name, `file-${i}`)));
  for (const [i, path] of paths.entries()) {
    writeFileSync(path, `content ${i}`);
    truncateSync(path, 1_000_000 + i);
  }
  await using digester = createFileDigester('sha256');
  const digests = await Promise.all(paths.map((path) => digester.digestFile(path, 1_000_000)));
  expect(digests).toEqual(paths.map((path) => computeFileVerity(path, 'sha256')));
  const missing = Buffer.from(join(folder.name, 'missing'));
  await expect(digester.digestFile(missing, 1_000_000)).rejects.toMatchObject({ code: 'ENOENT' });
});
