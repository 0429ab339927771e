import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { initRepository } from '../repository/init-repository.ts';
import { exportLayout } from './export-layout.ts';
import { importImage } from './import-image.ts';
import { ociVectors, vectorLayout } from './vector-image.testing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'export-' });
afterAll(() => folder.removeCallback());

test.each(Object.keys(ociVectors.tags))(
  '%s comes back from its export with the same configuration and images',
  async (tag) => {
    const repository = (name: string) =>
      initRepository(join(folder.name, `${tag}-${name}`), {
        algorithm: 'sha512',
        verity: 'off',
        erofsFormats: { default: 1 },
      });
    await using first = await repository('first');
    const imported = await importImage(first, `oci:${vectorLayout}:${tag}`, { bootable: true });
    const directory = join(folder.name, `${tag}-exported`);
    mkdirSync(directory);
    await exportLayout(first, imported.manifestDigest, { directory });

    await using second = await repository('second');
    const again = await importImage(second, `oci:${directory}`, { bootable: true });
    expect(again.configDigest).toBe(imported.configDigest);
    expect(again.imageIds).toEqual(imported.imageIds);
    expect(again.bootImageIds).toEqual(imported.bootImageIds);
    const [descriptor] = JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8')).manifests;
    expect(descriptor.digest).toBe(again.manifestDigest);
  },
);
