import { randomBytes } from 'node:crypto';
import { closeSync, constants, linkSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, describe, expect, test } from 'vitest';
import { addImage } from '../containers-storage/make-store.testing.ts';
import { observeMutations } from '../durable/seam.ts';
import { stopAtEveryMutation } from '../durable/stop.testing.ts';
import { checkRepository } from '../repository/check.ts';
import { mountFileSystem } from '../repository/file-system.testing.ts';
import { initRepository } from '../repository/init-repository.ts';
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

const folder = dirSync({ unsafeCleanup: true, prefix: 'merge-' });
afterAll(() => folder.removeCallback());

const cases = [
  // What lies beside the metadata takes no blocks.
  { kind: 'btrfs', merged: 3, threads: 0 },
  { kind: 'xfs', merged: 4, threads: 2 },
] as const;

describe.each(cases)('where $kind shares blocks', ({ kind, merged, threads }) => {
  test('one copy is left of what the repository and container storage both have', async () => {
    await using files = await mountFileSystem(folder.name, kind);
    const at = await makeTwoCopies(files.path);
    const before = await files.usedBytes();
    const held = openSync(objectOf(at.repository, contents.large.length), constants.O_RDONLY);

    const result = await merge(at, { threads });
    expect(result).toMatchObject({ method: 'reflink', counters: { merged, copied: 0, reflinked: 0 } });
    expect(result.merged).toEqual([result.layers[0]]);
    expect(result.layers).toHaveLength(2);
    await expectWhole(at);
    expect(readFileSync(held).equals(contents.large)).toBe(true);
    closeSync(held);
    expect(before - (await files.usedBytes())).toBeGreaterThan(contents.large.length);
    expect(sharedPart(at.repository)).toBeGreaterThan(0.99);

    expect((await merge(at, { except: new Set(result.layers) })).method).toBeUndefined();
    expect((await merge(at)).counters).toMatchObject({ merged: 0 });
    rmSync(at.store.root, { recursive: true });
    await using repository = await openRepository(at.repository);
    expect(await checkRepository(repository)).toMatchObject({ ok: true });
  });

  test('whichever file it is stopped at, both are whole, and the next call completes it', {
    timeout: 300_000,
  }, async () => {
    await using files = await mountFileSystem(folder.name, kind);
    let at = await makeTwoCopies(files.path);
    const stops = await stopAtEveryMutation({
      prepare: async () => {
        at = await makeTwoCopies(files.path);
      },
      act: () => merge(at, { threads: 0 }),
      isStop: ({ name }) => name === 'dedupe',
      async afterStop() {
        await expectWhole(at);
        await merge(at, { threads: 0 });
        await expectWhole(at);
        expect(sharedPart(at.repository)).toBeGreaterThan(0.99);
      },
    });
    expect(stops).toHaveLength(merged);
  });

  test('a file that was changed in container storage is told, and hurts no object', async () => {
    await using files = await mountFileSystem(folder.name, kind);
    const at = await makeTwoCopies(files.path);
    const changed = Buffer.from(contents.large);
    changed[0] = ~(changed[0] as number);
    writeFileSync(layerFile(at, 'usr/large'), changed);
    await expect(merge(at)).rejects.toMatchObject({ code: 'STORAGE_DAMAGED' });
    await using repository = await openRepository(at.repository);
    expect(await checkRepository(repository)).toMatchObject({ ok: true });
  });

  test.each([
    {
      what: 'its content',
      change: (path: string) => writeFileSync(path, randomBytes(contents.middle.length)),
      isDamage: true,
    },
    { what: 'a further name', change: (path: string) => linkSync(path, `${path}-too`), isDamage: false },
  ])(
    'of a file that changes after it was read and before its blocks are shared, the object is what the clone has: $what',
    async ({ change, isDamage }) => {
      await using files = await mountFileSystem(folder.name, kind);
      const at = await makeTwoCopies(files.path);
      addImage(at.store, ['base:latest'], [at.base]);
      let clones = 0;
      using _ = observeMutations(({ name }) => {
        // The first file shows how all are stored.
        if (name === 'clone' && ++clones === 2) change(layerFile(at, 'usr/middle'));
      });
      await using repository = await initRepository(join(files.path, 'fresh'), {
        algorithm: 'sha512',
        verity: 'if-supported',
        erofsFormats: { default: 1 },
      });
      const options = { bootable: false, storageRoots: [at.store.root], threads: 0 };
      const importing = importImage(repository, 'containers-storage:base', options);
      if (isDamage) await expect(importing).rejects.toMatchObject({ code: 'STORAGE_DAMAGED' });
      else await importing;
      expect(clones).toBeGreaterThan(1);
      expect(await checkRepository(repository)).toMatchObject({ ok: true });
      expect(objectOf(repository.path, contents.middle.length) === undefined).toBe(isDamage);
    },
  );
});

test('an object that nothing guards does not become a further name of a file that anybody may change', async () => {
  await using files = await mountFileSystem(folder.name, 'ext4 without fs-verity');
  const at = await makeTwoCopies(files.path);
  expect(await merge(at)).toMatchObject({ method: 'hard link', counters: { merged: 0 } });
  expect(sharedPart(at.repository)).toBe(0);
  await expectWhole(at);
});
