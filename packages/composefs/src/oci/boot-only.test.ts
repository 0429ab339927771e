import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { checkRepository } from '../repository/check.ts';
import { initRepository } from '../repository/init-repository.ts';
import { checkImages } from './check-images.ts';
import { importImage } from './import-image.ts';
import { vectorLayout } from './vector-image.testing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'boot-only-' });
afterAll(() => folder.removeCallback());

test('an import for booting makes nothing but the images to boot, and a later one the others', async () => {
  const repository = await initRepository(join(folder.name, 'repository'), {
    algorithm: 'sha256',
    verity: 'off',
    erofsFormats: { default: 1, extra: [2] },
  });
  await using _repository = repository;
  const source = `oci:${vectorLayout}:vector`;
  const images = () => readdirSync(join(repository.path, 'images')).filter((name) => name !== 'refs');
  const bootOnly = await importImage(repository, source, { tag: 'x', bootable: true, isBootOnly: true });
  expect(bootOnly.imageIds.size).toBe(0);
  expect(images().toSorted()).toEqual([...bootOnly.bootImageIds.values()].toSorted());
  const again = await importImage(repository, source, { tag: 'x', bootable: true, isBootOnly: true });
  expect(again).toMatchObject({ manifestStream: bootOnly.manifestStream });

  const full = await importImage(repository, source, { tag: 'x', bootable: true });
  expect(full.bootImageIds).toEqual(bootOnly.bootImageIds);
  expect(images()).toHaveLength(4);
  expect((await checkRepository(repository)).errors).toEqual([]);
  expect((await checkImages(repository)).errors).toEqual([]);
  // What was made once is not lost by an import that does not ask for it.
  const after = await importImage(repository, source, { tag: 'x', bootable: true, isBootOnly: true });
  expect(after.imageIds).toEqual(full.imageIds);
});
