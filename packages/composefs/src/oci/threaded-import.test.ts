import { existsSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { addImage, addLayer, makeStore } from '../containers-storage/make-store.testing.ts';
import { observeMutations } from '../durable/seam.ts';
import { stopAtEveryMutation } from '../durable/stop.testing.ts';
import { checkRepository } from '../repository/check.ts';
import { initRepository } from '../repository/init-repository.ts';
import { openRepository } from '../repository/repository.ts';
import { openStream, readMergedStream } from '../repository/streams.ts';
import { type MadeEntry, makeTar } from '../tar/make-tar.testing.ts';
import { importImage } from './import-image.ts';
import { makeLayout, skeleton } from './make-layout.testing.ts';

// In memory where there is such a file system: every stop syncs, and only the order of things counts here.
const tmpdir = existsSync('/dev/shm') ? { tmpdir: '/dev/shm' } : {};
const folder = dirSync({ unsafeCleanup: true, prefix: 'threaded-', ...tmpdir });
afterAll(() => folder.removeCallback());

const file = (name: string, content: string): MadeEntry => ({ name, type: 'file', content, mtime: 1_700_000_000 });
// Contents that share a memory, that fill one, and that need several.
const sizes = [65, 66, 5000, 700_000, 700_000, 1024 * 1024, 1024 * 1024 + 1, 3_500_000];
const many = Array.from({ length: 100 }, (_, i) => file(`usr/many-${i}`, `${i} `.repeat(40 + i)));
const entries = [
  ...skeleton,
  file('usr/small', 'small'),
  ...sizes.map((size, i) => file(`usr/file-${i}`, `${i}:${size} `.repeat(size).slice(0, size))),
  ...many,
];
const archive = makeTar(entries);
const second = makeTar([file('usr/last', 'last '.repeat(500)), file('usr/file-7', 'replaced '.repeat(200_000))]);
const layout = makeLayout(join(folder.name, 'layout'), [archive, second]);

const open = (path: string) =>
  initRepository(path, { algorithm: 'sha256', verity: 'off', erofsFormats: { default: 1 } });

test('threads make what one thread makes', async () => {
  await using alone = await open(join(folder.name, 'alone'));
  const expected = await importImage(alone, `oci:${layout}`, { bootable: true, threads: 0 });
  await using repository = await open(join(folder.name, 'together'));
  const result = await importImage(repository, `oci:${layout}`, { bootable: true, threads: 3 });
  expect(result).toEqual(expected);
  expect(result.counters).toMatchObject({ copied: sizes.length + many.length + 2, present: 0 });
  expect((await checkRepository(repository)).errors).toEqual([]);
  const name = readdirSync(join(repository.path, 'streams')).find((stream) => stream.startsWith('oci-layer-'));
  const stream = await openStream(repository, name as string);
  expect([archive, second].some((each) => each.length === Number(stream.totalBytes))).toBe(true);
  const merged = await readMergedStream(repository, stream);
  expect(merged.equals(merged.length === archive.length ? archive : second)).toBe(true);
});

test('from container storage too', async () => {
  const store = makeStore(join(folder.name, 'store'));
  const layer = addLayer(store, entries);
  addImage(store, ['localhost/threads:latest'], [layer]);
  const source = 'containers-storage:localhost/threads:latest';
  const options = { bootable: true, storageRoots: [store.root] };
  await using alone = await open(join(folder.name, 'storage-alone'));
  const expected = await importImage(alone, source, { ...options, threads: 0 });
  await using repository = await open(join(folder.name, 'storage-together'));
  const result = await importImage(repository, source, { ...options, threads: 2 });
  expect(result).toEqual(expected);
  expect(result.transferMethod).toBeOneOf(['reflink', 'hard link', 'copy']);
  const large = join(store.root, 'overlay', layer.id, 'diff/usr/file-7');
  expect(statSync(large).nlink).toBe(result.transferMethod === 'hard link' ? 3 : 1);

  // What a thread finds out about a file is told as it is without threads.
  rmSync(large);
  writeFileSync(large, 'x'.repeat(3_500_000));
  await using damaged = await open(join(folder.name, 'storage-damaged'));
  await expect(importImage(damaged, source, { ...options, threads: 2 })).rejects.toMatchObject({
    code: 'STORAGE_DAMAGED',
    message: expect.stringContaining('usr/file-7'),
    hint: expect.stringContaining('podman'),
  });
  expect((await checkRepository(damaged)).errors).toEqual([]);
});

test('an archive that ends inside a large file fails, and leaves nothing behind', async () => {
  const cut = makeLayout(join(folder.name, 'cut'), [archive]);
  const blobs = join(cut, 'blobs/sha256');
  const largest = readdirSync(blobs).reduce((a, b) =>
    statSync(join(blobs, a)).size > statSync(join(blobs, b)).size ? a : b,
  );
  truncateSync(join(blobs, largest), statSync(join(blobs, largest)).size - 3000);
  await using repository = await open(join(folder.name, 'cut-repository'));
  const importing = importImage(repository, `oci:${cut}`, { bootable: true, threads: 2 });
  await expect(importing).rejects.toMatchObject({ code: expect.stringMatching(/TAR_INVALID|OCI_LAYER_DAMAGED/) });
  expect((await checkRepository(repository)).errors).toEqual([]);
  expect(readdirSync(join(repository.path, 'objects')).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('what observes mutations sees those of threads, and what it throws is what the import throws', async () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  await using repository = await open(join(folder.name, 'full'));
  let writes = 0;
  using _ = observeMutations(({ name }) => {
    if (name === 'write' && ++writes === 7) throw full;
  });
  const importing = importImage(repository, `oci:${layout}`, { bootable: true, threads: 2 });
  await expect(importing).rejects.toBe(full);
  expect((await checkRepository(repository)).errors).toEqual([]);
});

test('stopped at any mutation of a thread: clean, and the same import completes', { timeout: 120_000 }, async () => {
  const small = makeLayout(join(folder.name, 'small'), [
    makeTar([...skeleton, file('usr/one', 'one '.repeat(50)), file('usr/two', 'two '.repeat(300_000))]),
  ]);
  const path = join(folder.name, 'stopped');
  const act = async (threads = 1) => {
    await using repository = await open(path);
    return await importImage(repository, `oci:${small}`, { tag: 'x', bootable: false, threads });
  };
  const expected = await act();
  const stops = await stopAtEveryMutation({
    prepare: async () => {
      rmSync(path, { recursive: true, force: true });
      await (await open(path))[Symbol.asyncDispose]();
    },
    act: () => act(),
    // What the main thread does is tested with all else that it does.
    isStop: ({ name }) => name === 'write' || name === 'link',
    async afterStop() {
      {
        await using repository = await openRepository(path);
        expect((await checkRepository(repository)).errors).toEqual([]);
      }
      expect((await act(0)).imageIds).toEqual(expected.imageIds);
    },
  });
  expect(stops.filter((name) => name === 'link').length).toBeGreaterThan(3);
});
