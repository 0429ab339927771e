import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  checkRepository,
  initRepository,
  type Mutation,
  measureSharing,
  observeMutations,
  openRepository,
} from '@workbench/composefs';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allowPlainRegistries } from '../../../composefs/src/oci/registry.testing.ts';
import { mountFileSystem } from '../../../composefs/src/repository/file-system.testing.ts';
import type { ImageReference } from '../deployment/image-reference.ts';
import { createContainerStorage, openContainerStorage } from './container-storage.ts';
import { importWantedImage } from './import-wanted.ts';
import { bootableFolders, makeLayout } from './make-image.testing.ts';
import { runPodman } from './podman.ts';
import { shareContent } from './share-content.ts';
import { readSharedLayers, recordSharedLayers } from './shared-layers.ts';
import { storeImage } from './store-image.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'share-' }).name;
const contentBytes = 30_000_000;
let reference: ImageReference;
let updated: ImageReference;

beforeAll(async () => {
  allowPlainRegistries(folder);
  const base = {
    'usr/share/large': randomBytes(contentBytes),
    ...Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`usr/share/${i}`, randomBytes(5000 + i)])),
  };
  const layout = await makeLayout(join(folder, 'layout'), [bootableFolders, base]);
  reference = { transport: 'oci', image: layout };
  const layers = [bootableFolders, base, { 'usr/share/new': randomBytes(100_000) }];
  updated = { transport: 'oci', image: await makeLayout(join(folder, 'updated'), layers) };
});
afterAll(() => run(['rm', '-rf', folder], { step: 'remove the folder' }));

const kinds = ['btrfs', 'xfs'] as const;

async function installDirectly(root: string) {
  await using repository = await initRepository(join(root, 'composefs'), {
    algorithm: 'sha512',
    verity: 'if-supported',
    erofsFormats: { default: 1, extra: [2] },
  });
  return await importFrom(root, reference, repository);
}

async function importFrom(
  root: string,
  image: ImageReference,
  repository: Awaited<ReturnType<typeof openRepository>>,
  isUnifiedRequested = false,
): Promise<string[]> {
  const printed: string[] = [];
  await importWantedImage(repository, {
    root: folder,
    physicalRoot: root,
    reference: image,
    current: reference,
    isUnifiedRequested,
    print: (line) => printed.push(line),
    warn: (line) => printed.push(`warning: ${line}`),
  });
  return printed;
}

test.each(kinds)('an image that is stored beside its deployment takes no room on %s', async (kind) => {
  await using files = await mountFileSystem(folder, kind);
  expect(await installDirectly(files.path)).toEqual([]);
  const direct = await files.usedBytes();
  const storage = await createContainerStorage(files.path, { warn: () => {} });
  const image = await storeImage(storage, reference, { root: folder, owner: 'bootc' });
  const doubled = await files.usedBytes();
  expect(doubled - direct).toBeGreaterThan(contentBytes);

  await using repository = await openRepository(join(files.path, 'composefs'));
  const warnings: string[] = [];
  const warn = (line: string) => void warnings.push(line);
  const shared = await shareContent(repository, { storage, image }, { warn });
  expect(shared).toMatchObject({ method: 'reflink', counters: { merged: 51, copied: 0 } });
  expect(shared?.shared).toHaveLength(2);
  expect((await files.usedBytes()) - direct).toBeLessThan(contentBytes / 10);
  const { bytes, reflinkedBytes } = measureSharing(repository.path);
  expect(reflinkedBytes / bytes).toBeGreaterThan(0.9);
  expect(await checkRepository(repository)).toMatchObject({ ok: true });
  await recordSharedLayers(storage, shared!.shared);
  expect([...(await readSharedLayers(storage))]).toEqual(shared!.shared);
  expect(warnings).toEqual([]);

  // Podman’s tools find the layers as they were: each file is held against the checksum that its layer has.
  const exported = join(files.path, 'exported');
  await runPodman(storage.path, ['image', 'push', '--quiet', image.id, `oci:${exported}:x`], { step: 'export it' });
  await run(['rm', '-r', exported], { step: 'remove it' });

  // An update brings one layer; those that are known to share are left alone.
  const seen: Mutation[] = [];
  {
    using _ = observeMutations((mutation) => seen.push(mutation));
    expect(await importFrom(files.path, updated, repository)).toEqual([
      'Container storage: 1 objects shared by reflink (0.1 MB), 0 there already',
    ]);
  }
  expect(seen.filter(({ name }) => name === 'dedupe')).toEqual([]);
  expect([...(await readSharedLayers(storage))]).toHaveLength(3);
  await runPodman(storage.path, ['image', 'prune', '--all', '--force'], { step: 'prune' });
  expect(await checkRepository(repository)).toMatchObject({ ok: true });
});

test.each(kinds)('a machine that turns to container storage with an update shares what it has on %s', async (kind) => {
  await using files = await mountFileSystem(folder, kind);
  await installDirectly(files.path);
  await using repository = await openRepository(join(files.path, 'composefs'));
  expect(await importFrom(files.path, updated, repository, true)).toEqual([
    'Container storage: 1 objects shared by reflink (0.1 MB), 51 there already, 51 of them shared from now on (30.3 MB)',
  ]);
  expect(await readSharedLayers(openContainerStorage(files.path)!)).toHaveProperty('size', 3);
  const { bytes, reflinkedBytes } = measureSharing(repository.path);
  expect(reflinkedBytes / bytes).toBeGreaterThan(0.9);
});

test('container storage that is damaged is told, and the update goes on without sharing', async () => {
  await using files = await mountFileSystem(folder, 'btrfs');
  await installDirectly(files.path);
  const storage = await createContainerStorage(files.path, { warn: () => {} });
  const image = await storeImage(storage, reference, { root: folder, owner: 'bootc' });
  const { stdout } = await run(['find', storage.path, '-name', 'large'], { step: 'find a file' });
  writeFileSync(stdout.trim(), randomBytes(contentBytes));
  await using repository = await openRepository(join(files.path, 'composefs'));
  const warnings: string[] = [];
  const warn = (line: string) => void warnings.push(line);
  expect(await shareContent(repository, { storage, image }, { warn })).toBeUndefined();
  expect(warnings).toEqual([expect.stringContaining('takes room twice')]);
  expect(await checkRepository(repository)).toMatchObject({ ok: true });
});
