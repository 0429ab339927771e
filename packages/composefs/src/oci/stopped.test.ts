import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, describe, expect, test } from 'vitest';
import { addImage, addLayer, makeStore } from '../containers-storage/make-store.testing.ts';
import { observeMutations } from '../durable/seam.ts';
import { stopAtEveryMutation } from '../durable/stop.testing.ts';
import { checkRepository } from '../repository/check.ts';
import { collectGarbage, planGarbageCollection } from '../repository/garbage-collection.ts';
import { initRepository } from '../repository/init-repository.ts';
import { openRepository, type Repository } from '../repository/repository.ts';
import { checkImages } from './check-images.ts';
import { importImage } from './import-image.ts';
import { skeleton } from './make-layout.testing.ts';
import { listTags, tagImage, untagImage } from './tags.ts';
import { ociVectors, vectorLayout } from './vector-image.testing.ts';

// In memory where there is such a file system: every stop syncs, and only the order of things counts here.
const tmpdir = existsSync('/dev/shm') ? { tmpdir: '/dev/shm' } : {};
const folder = dirSync({ unsafeCleanup: true, prefix: 'stopped-', ...tmpdir });
afterAll(() => folder.removeCallback());
const path = join(folder.name, 'repository');

const init = () =>
  initRepository(path, { algorithm: 'sha256', verity: 'off', erofsFormats: { default: 1, extra: [2] } });

async function importVector(tag: 'vector' | 'vector-xlink') {
  await using repository = await init();
  return await importImage(repository, `oci:${vectorLayout}:${tag}`, { tag, bootable: true });
}

async function expectClean(repository: Repository): Promise<void> {
  expect((await checkRepository(repository)).errors).toEqual([]);
  expect((await checkImages(repository)).errors).toEqual([]);
}

/** Fresh copies of a repository that was prepared once. */
async function makeTemplate(prepare: () => Promise<void>): Promise<() => void> {
  const template = join(folder.name, `template-${readdirSync(folder.name).length}`);
  rmSync(path, { recursive: true, force: true });
  await prepare();
  cpSync(path, template, { recursive: true, verbatimSymlinks: true });
  return () => {
    rmSync(path, { recursive: true, force: true });
    cpSync(template, path, { recursive: true, verbatimSymlinks: true });
  };
}

describe('whatever an action is stopped at, the repository is clean, and the same action completes', () => {
  test('the first import of an image', { timeout: 120_000 }, async () => {
    const expected = ociVectors.runs['vector/sha256/V1'];
    const stops = await stopAtEveryMutation({
      prepare: () => rmSync(path, { recursive: true, force: true }),
      act: () => importVector('vector'),
      async afterStop() {
        if (readdirSync(folder.name).includes('repository') && readdirSync(path).includes('meta.json')) {
          await using repository = await openRepository(path);
          await expectClean(repository);
        }
        const result = await importVector('vector');
        expect(result.bootImageIds.get(1)).toBe(expected?.imageBootable);
        await using repository = await openRepository(path);
        await expectClean(repository);
        await collectGarbage(repository, { additionalRoots: [] });
        expect((await checkRepository(repository)).objectsChecked).toBe(18);
      },
    });
    expect(stops.length).toBeGreaterThan(60);
    // So little is named with the image.
    expect(stops.filter((name) => name === 'syncfs')).toHaveLength(1);
  });

  test('the import of an image that replaces another under its tag', { timeout: 120_000 }, async () => {
    const former = ociVectors.tags.vector?.manifest;
    const wanted = ociVectors.tags['vector-xlink']?.manifest;
    const act = async () => {
      await using repository = await openRepository(path);
      await importImage(repository, `oci:${vectorLayout}:vector-xlink`, { tag: 'vector', bootable: true });
    };
    await stopAtEveryMutation({
      prepare: await makeTemplate(async () => void (await importVector('vector'))),
      act,
      async afterStop() {
        await using repository = await openRepository(path);
        await expectClean(repository);
        expect([former, wanted]).toContain((await listTags(repository)).get('vector'));
        await act();
        await expectClean(repository);
        expect((await listTags(repository)).get('vector')).toBe(wanted);
      },
    });
  });

  test('the import from container storage', { timeout: 120_000 }, async () => {
    const store = makeStore(join(folder.name, 'store'));
    const file = (name: string, content: string) => ({ name, type: 'file', content: content.repeat(100) }) as const;
    const base = addLayer(store, [...skeleton, file('usr/one', 'one')]);
    const top = addLayer(store, [file('usr/two', 'two')], [base]);
    addImage(store, ['localhost/stopped:latest'], [base, top]);
    const act = async () => {
      await using repository = await init();
      const options = { tag: 'x', bootable: false, storageRoots: [store.root] };
      return await importImage(repository, 'containers-storage:localhost/stopped', options);
    };
    rmSync(path, { recursive: true, force: true });
    const expected = await act();
    await stopAtEveryMutation({
      prepare: async () => {
        rmSync(path, { recursive: true, force: true });
        await (await init())[Symbol.asyncDispose]();
      },
      act,
      async afterStop() {
        expect((await act()).imageIds).toEqual(expected.imageIds);
        await using repository = await openRepository(path);
        await expectClean(repository);
      },
    });
  });

  test('tagging and untagging', async () => {
    const { manifest } = ociVectors.tags.vector as { manifest: string };
    const act = async () => {
      await using repository = await openRepository(path);
      const tags = await listTags(repository);
      await tagImage(repository, 'second', manifest);
      if (tags.has('vector')) await untagImage(repository, 'vector');
    };
    await stopAtEveryMutation({
      prepare: await makeTemplate(async () => void (await importVector('vector'))),
      act,
      async afterStop() {
        await using repository = await openRepository(path);
        await expectClean(repository);
        expect((await listTags(repository)).size).toBeGreaterThan(0);
        await act();
        expect(await listTags(repository)).toEqual(new Map([['second', manifest]]));
      },
    });
  });

  test('garbage collection', { timeout: 120_000 }, async () => {
    const prepare = await makeTemplate(async () => {
      await importVector('vector');
      await importVector('vector-xlink');
      await using repository = await openRepository(path);
      await untagImage(repository, 'vector-xlink');
    });
    const act = async () => {
      await using repository = await openRepository(path);
      return await collectGarbage(repository, { additionalRoots: [] });
    };
    const stops = await stopAtEveryMutation({
      prepare,
      act,
      async afterStop() {
        await using repository = await openRepository(path);
        await expectClean(repository);
        await repository[Symbol.asyncDispose]();
        await act();
        await using after = await openRepository(path);
        await expectClean(after);
        expect((await planGarbageCollection(after, { additionalRoots: [] })).objects).toEqual([]);
        expect([...(await listTags(after)).keys()]).toEqual(['vector']);
      },
    });
    expect(stops).toContain('unlink');
  });
});

test('a change of the disk that fails is reported, and leaves the repository clean', async () => {
  rmSync(path, { recursive: true, force: true });
  let writes = 0;
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  {
    await using repository = await init();
    using _ = observeMutations(({ name }) => {
      if (name === 'write' && ++writes === 5) throw full;
    });
    const importing = importImage(repository, `oci:${vectorLayout}:vector`, { bootable: true });
    await expect(importing).rejects.toBe(full);
    await expectClean(repository);
  }
  await importVector('vector');
});

test('an import that is called off stops, and its objects are found by the next', async () => {
  rmSync(path, { recursive: true, force: true });
  const abort = new AbortController();
  {
    await using repository = await init();
    const importing = importImage(repository, `oci:${vectorLayout}:vector`, {
      tag: 'vector',
      bootable: true,
      signal: abort.signal,
      onProgress: () => abort.abort(new Error('called off')),
    });
    await expect(importing).rejects.toThrow(/called off|aborted/);
    expect((await listTags(repository)).size).toBe(0);
    await expectClean(repository);
  }
  await importVector('vector');
});
