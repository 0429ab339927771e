import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { computeFdVerity, computeVerity } from '../fsverity/digest.ts';
import { initRepository } from './init-repository.ts';
import { objectPath } from './objects.ts';
import type { Repository } from './repository.ts';
import { storeObject } from './store-object.ts';

// The kernel's part: the first calls find the file busy, all others seal it.
const kernel = { busyCalls: 0, calls: 0 };
vi.mock('../syscalls/verity.ts', () => ({
  enableFileVerity: async () => {
    if (kernel.calls++ < kernel.busyCalls) throw Object.assign(new Error('busy'), { code: 'ETXTBSY' });
  },
  measureFileVerity: (fd: number) => ({ hash: 1, digest: Buffer.from(computeFdVerity(fd, 'sha256'), 'hex') }),
}));
/** How often one file is tried. */
const attempts = 3;

const folder = dirSync({ unsafeCleanup: true, prefix: 'seal-busy-' });
afterAll(() => folder.removeCallback());
const content = Buffer.alloc(3_000_000, 'content ');
let repository: Repository;
beforeEach(async () => {
  const path = join(folder.name, String(readdirSync(folder.name).length));
  kernel.busyCalls = 0;
  const opened = await initRepository(path, { algorithm: 'sha256', verity: 'require', erofsFormats: { default: 1 } });
  kernel.calls = 0;
  repository = opened;
  return async () => opened[Symbol.asyncDispose]();
});
const objectFiles = () =>
  readdirSync(join(repository.path, 'objects'), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );

test('what stays open for writing elsewhere is copied, and the copy becomes the object', async () => {
  kernel.busyCalls = 2 * attempts;
  const digest = computeVerity(content, 'sha256');
  expect(await storeObject(repository, content)).toEqual({ digest, isNew: true });
  expect(kernel.calls).toBe(2 * attempts + 1);
  expect(readFileSync(join(repository.path, objectPath(digest))).equals(content)).toBe(true);
  expect(objectFiles()).toHaveLength(1);
});

test('when no copy can be sealed either, a secure repository gets no object', async () => {
  kernel.busyCalls = 100;
  await expect(storeObject(repository, content)).rejects.toMatchObject({ code: 'VERITY_UNSUPPORTED' });
  expect(kernel.calls).toBe(6 * attempts);
  expect(objectFiles()).toHaveLength(0);
});
