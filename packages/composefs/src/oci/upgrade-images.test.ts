import { hash } from 'node:crypto';
import { cpSync, existsSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { stopAtEveryMutation } from '../durable/stop.testing.ts';
import { checkRepository } from '../repository/check.ts';
import { commitLinks } from '../repository/commit.ts';
import { collectGarbage } from '../repository/garbage-collection.ts';
import { initRepository } from '../repository/init-repository.ts';
import { linkedDigest } from '../repository/links.ts';
import { openRepository, type Repository } from '../repository/repository.ts';
import { checkImages } from './check-images.ts';
import { readImageDocuments, readImageMetadata } from './image-metadata.ts';
import { imagesOf } from './image-references.ts';
import { storeJsonStream } from './image-streams.ts';
import { type ImportResult, importImage } from './import-image.ts';
import { streamName } from './names.ts';
import { tagImage } from './tags.ts';
import { upgradeImages } from './upgrade-images.ts';
import { vectorLayout } from './vector-image.testing.ts';

// In memory where there is such a file system: every stop syncs, and only the order of things counts here.
const tmpdir = existsSync('/dev/shm') ? { tmpdir: '/dev/shm' } : {};
const folder = dirSync({ unsafeCleanup: true, prefix: 'upgrade-images-', ...tmpdir });
afterAll(() => folder.removeCallback());
const template = join(folder.name, 'template');
const path = join(folder.name, 'repository');
let imported: ImportResult;

// As programs left it that made no image at import: a tagged image whose configuration leads to layers alone.
beforeAll(async () => {
  await using repository = await initRepository(template, {
    algorithm: 'sha256',
    verity: 'off',
    erofsFormats: { default: 1 },
  });
  imported = await importImage(repository, `oci:${vectorLayout}:vector`, { bootable: false, tag: 'x' });
  const { configBytes, manifestBytes, config } = await readImageMetadata(repository, imported.manifestDigest);
  const layers = config.rootfs.diff_ids.map((diffId) => {
    return [diffId, linkedDigest(repository, 'streams', streamName('layer', diffId)) as string] as const;
  });
  await storeStreams(repository, { configBytes, manifestBytes, layers, configDigest: imported.configDigest });
  unlinkSync(join(template, 'images', imported.imageIds.get(1) as string));
  await collectGarbage(repository, { additionalRoots: [] });
});

async function storeStreams(
  repository: Repository,
  documents: {
    configBytes: Buffer;
    manifestBytes: Buffer;
    layers: (readonly [string, string])[];
    configDigest: string;
  },
): Promise<void> {
  const { configBytes, manifestBytes, layers, configDigest } = documents;
  const config = await storeJsonStream(repository, 'config', configBytes, layers);
  const references = [[`config:${configDigest}`, config] as const, ...layers];
  const manifest = await storeJsonStream(repository, 'manifest', manifestBytes, references);
  await commitLinks(repository, [
    { folder: 'streams', name: streamName('config', configDigest), digest: config },
    { folder: 'streams', name: streamName('manifest', imported.manifestDigest), digest: manifest },
  ]);
}

const prepare = () => {
  rmSync(path, { recursive: true, force: true });
  cpSync(template, path, { recursive: true, verbatimSymlinks: true });
};
beforeEach(prepare);

test('an image without images gets those that importing makes', async () => {
  await using repository = await openRepository(path);
  expect(await upgradeImages(repository)).toEqual({ current: [], upgraded: ['x'], skipped: [] });
  const { configReferences } = await readImageDocuments(repository, imported.manifestDigest);
  expect(imagesOf(configReferences, false)).toEqual(imported.imageIds);
  expect(await checkRepository(repository)).toMatchObject({ ok: true, imagesChecked: 1 });
  expect(await upgradeImages(repository)).toEqual({ current: ['x'], upgraded: [], skipped: [] });
});

test('an image that has nothing but its image to boot has what it needs, and gets that back', async () => {
  await using repository = await openRepository(path);
  const source = `oci:${vectorLayout}:vector-xlink`;
  const made = await importImage(repository, source, { tag: 'boot', bootable: true, isBootOnly: true });
  await upgradeImages(repository);
  unlinkSync(join(path, 'images', made.bootImageIds.get(1) as string));
  expect(await upgradeImages(repository)).toEqual({ current: ['x'], upgraded: ['boot'], skipped: [] });
  const { configReferences } = await readImageDocuments(repository, made.manifestDigest);
  expect(imagesOf(configReferences, true)).toEqual(made.bootImageIds);
  expect(imagesOf(configReferences, false).size).toBe(0);
  expect(await checkImages(repository)).toMatchObject({ imagesChecked: 2, errors: [] });
});

test('what is no container image, or is damaged, is left alone', async () => {
  await using repository = await openRepository(path);
  const config = Buffer.from('{}');
  const configDigest = 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';
  const descriptor = { mediaType: 'application/vnd.oci.empty.v1+json', digest: configDigest, size: 2 };
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, config: descriptor, layers: [] }));
  const digest = `sha256:${hash('sha256', manifest, 'hex')}`;
  const configStream = await storeJsonStream(repository, 'config', config, []);
  const manifestStream = await storeJsonStream(repository, 'manifest', manifest, [
    [`config:${configDigest}`, configStream],
  ]);
  await commitLinks(repository, [{ folder: 'streams', name: streamName('manifest', digest), digest: manifestStream }]);
  await tagImage(repository, 'artifact', digest);
  expect(await upgradeImages(repository)).toEqual({ current: [], upgraded: ['x'], skipped: ['artifact'] });
  expect(await checkImages(repository)).toEqual({ imagesChecked: 2, imagesCorrupted: 0, errors: [] });
});

test('wherever it is stopped, the repository is sound, and the next one completes it', async () => {
  const stops = await stopAtEveryMutation({
    prepare,
    async act() {
      await using repository = await openRepository(path);
      await upgradeImages(repository);
    },
    async afterStop() {
      await using repository = await openRepository(path);
      expect(await checkRepository(repository)).toMatchObject({ ok: true });
      const { upgraded, current } = await upgradeImages(repository);
      expect([...upgraded, ...current]).toEqual(['x']);
      expect(await checkImages(repository)).toMatchObject({ imagesChecked: 1, imagesCorrupted: 0 });
    },
  });
  expect(stops.length).toBeGreaterThan(10);
});
