import { closeSync, constants, existsSync, fstatSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { addImage, addLayer } from '../containers-storage/make-store.testing.ts';
import { type Mutation, observeMutations } from '../durable/seam.ts';
import { stopAtEveryMutation } from '../durable/stop.testing.ts';
import { computeFdVerity } from '../fsverity/digest.ts';
import { checkRepository } from '../repository/check.ts';
import { planGarbageCollection } from '../repository/garbage-collection.ts';
import { openRepository } from '../repository/repository.ts';
import { importImage } from './import-image.ts';
import {
  contents,
  expectWhole,
  layerFile,
  makeTwoCopies,
  merge,
  objectOf,
  sharedPart,
} from './merge-stored-image.testing.ts';

// The kernel's part: which files are sealed. Kernels that tests run on may lack it; those of the VM plans have it.
const sealed = new Map<string, string>();
const inode = (fd: number): string => {
  const { dev, ino } = fstatSync(fd);
  return `${dev}:${ino}`;
};
const failure = (code: string) => Object.assign(new Error(code), { code });
vi.mock('../syscalls/verity.ts', () => ({
  enableFileVerity: async (fd: number) => {
    if (sealed.has(inode(fd))) throw failure('EEXIST');
    sealed.set(inode(fd), computeFdVerity(fd, 'sha512'));
  },
  measureFileVerity: (fd: number) => {
    const digest = sealed.get(inode(fd));
    if (digest === undefined) throw failure('ENODATA');
    return { hash: 2, digest: Buffer.from(digest, 'hex') };
  },
}));

// A file system that shares no blocks.
const tmpdir = existsSync('/dev/shm') ? { tmpdir: '/dev/shm' } : {};
const folder = dirSync({ unsafeCleanup: true, prefix: 'merge-', ...tmpdir });
afterAll(() => folder.removeCallback());
const path = join(folder.name, 'files');
mkdirSync(path);
const prepare = () => {
  sealed.clear();
  return makeTwoCopies(path);
};
let at: Awaited<ReturnType<typeof prepare>>;
beforeEach(async () => {
  at = await prepare();
});
const threads = 0;

test('objects become further names of the files of container storage, and keep what guards them', async () => {
  const large = objectOf(at.repository, contents.large.length);
  const held = openSync(large, constants.O_RDONLY);
  expect(await merge(at, { threads })).toMatchObject({
    method: 'hard link',
    counters: { merged: 3, mergedBytes: contents.large.length + contents.middle.length + contents.tiny.length },
  });
  expect(statSync(large).ino).toBe(statSync(layerFile(at, 'usr/large')).ino);
  expect(statSync(large).mode & 0o7777).toBe(0o644);
  expect(sharedPart(at.repository)).toBeGreaterThan(0.99);
  await expectWhole(at);
  expect(readFileSync(held).equals(contents.large)).toBe(true);
  closeSync(held);
  expect((await merge(at, { threads })).counters).toMatchObject({ merged: 0 });
});

test('so they do where a new layer has the content of an old one', async () => {
  const rebuilt = addLayer(at.store, [
    { name: 'usr/', type: 'dir', mode: '755' },
    { name: 'usr/moved', type: 'file', content: contents.large },
  ]);
  addImage(at.store, ['rebuilt:latest'], [rebuilt]);
  await using repository = await openRepository(at.repository);
  const options = { bootable: false, storageRoots: [at.store.root], mergesCopies: true, threads };
  const { counters } = await importImage(repository, 'containers-storage:rebuilt', options);
  expect(counters).toMatchObject({ present: 1, merged: 1, mergedBytes: contents.large.length });
  expect(statSync(join(at.store.root, 'overlay', rebuilt.id, 'diff/usr/moved')).nlink).toBe(2);
  expect(await checkRepository(repository)).toMatchObject({ ok: true });
});

test('whatever it is stopped at, both are whole, and the next call completes it', { timeout: 120_000 }, async () => {
  const stops = await stopAtEveryMutation({
    prepare: async () => {
      at = await prepare();
    },
    act: () => merge(at, { threads }),
    async afterStop() {
      await expectWhole(at);
      await merge(at, { threads });
      await expectWhole(at);
      expect(sharedPart(at.repository)).toBeGreaterThan(0.99);
      await using repository = await openRepository(at.repository);
      const { leftovers } = await planGarbageCollection(repository, { additionalRoots: [] });
      expect(leftovers.length).toBeLessThanOrEqual(1);
    },
  });
  expect(stops.filter((name) => name === 'rename')).toHaveLength(3);
});

test('an object is replaced only by what was synced, its seal included', async () => {
  const seen: Mutation[] = [];
  {
    using _ = observeMutations((mutation) => seen.push(mutation));
    await merge(at, { threads });
  }
  const names = seen.map(({ name }) => name);
  const synced = names.lastIndexOf('syncfs', names.indexOf('rename'));
  expect(synced).toBeGreaterThan(names.lastIndexOf('seal'));
  expect(synced).toBeGreaterThan(names.lastIndexOf('write'));
  expect(new Set(names.slice(synced + 1, -1))).toEqual(new Set(['link', 'rename']));
  expect(names.at(-1)).toBe('syncfs');
});
