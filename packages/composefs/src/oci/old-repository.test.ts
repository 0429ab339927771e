import { cpSync, existsSync, readdirSync, readFileSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { stopAtEveryMutation } from '../durable/stop.testing.ts';
import { checkRepository } from '../repository/check.ts';
import { commitLinks } from '../repository/commit.ts';
import { collectGarbage } from '../repository/garbage-collection.ts';
import { findImage, readImageTree } from '../repository/images.ts';
import { initRepository } from '../repository/init-repository.ts';
import { linkedDigest } from '../repository/links.ts';
import { openRepository } from '../repository/repository.ts';
import { readImageMetadata } from './image-metadata.ts';
import { storeJsonStream } from './image-streams.ts';
import { type ImportResult, importImage } from './import-image.ts';
import { streamName } from './names.ts';
import { listTags } from './tags.ts';
import { vectorLayout } from './vector-image.testing.ts';

// A repository as bootc 1.13 wrote them: no meta.json, the boot image of format 2 alone, streams of layers and configuration
// without a reference to an image, and neither manifests nor tags.
const folder = dirSync({ unsafeCleanup: true, prefix: 'old-repository-' });
afterAll(() => folder.removeCallback());
const template = join(folder.name, 'template');
const source = `oci:${vectorLayout}:vector`;
let imported: ImportResult;
let deploymentId = '';

beforeAll(async () => {
  await using repository = await initRepository(template, {
    algorithm: 'sha512',
    verity: 'off',
    erofsFormats: { default: 2, extra: [] },
  });
  imported = await importImage(repository, source, { bootable: true, tag: 'x' });
  deploymentId = imported.bootImageIds.get(2)!;
  const { configBytes, config } = await readImageMetadata(repository, imported.manifestDigest);
  const diffIds = new Set(config.rootfs.diff_ids);
  const layers = [...diffIds].map(
    (diffId) => [diffId, linkedDigest(repository, 'streams', streamName('layer', diffId))!] as const,
  );
  const digest = await storeJsonStream(repository, 'config', configBytes, layers);
  await commitLinks(repository, [{ folder: 'streams', name: streamName('config', imported.configDigest), digest }]);
  unlinkSync(join(template, 'streams', streamName('manifest', imported.manifestDigest)));
  rmSync(join(template, 'streams/refs'), { recursive: true });
  unlinkSync(join(template, 'images', imported.imageIds.get(2)!));
  unlinkSync(join(template, 'meta.json'));
});

let path = '';
let count = 0;
beforeEach(() => {
  path = join(folder.name, String(count++));
  cpSync(template, path, { recursive: true, verbatimSymlinks: true });
});

test('it is opened, and says from then on what it is', async () => {
  {
    await using repository = await openRepository(path);
    expect(repository).toMatchObject({ algorithm: 'sha512', erofsFormats: { default: 2, extra: [] }, isSecure: false });
    expect(findImage(repository, deploymentId)).toBe(deploymentId);
    expect(readImageTree(repository, deploymentId).entries.size).toBeGreaterThan(0);
    expect(await listTags(repository)).toEqual(new Map());
    expect(await checkRepository(repository)).toMatchObject({ ok: true });
  }
  const metadata = readFileSync(join(path, 'meta.json'));
  await using _ = await openRepository(path);
  expect(readFileSync(join(path, 'meta.json'))).toEqual(metadata);
});

test('ten at once write that down once', async () => {
  const opened = await Promise.all(Array.from({ length: 10 }, () => openRepository(path)));
  expect(opened.map(({ erofsFormats }) => erofsFormats.default)).toEqual(Array.from({ length: 10 }, () => 2));
  for (const repository of opened) await repository[Symbol.asyncDispose]();
  expect(readdirSync(path).filter((name) => !/^(images|objects|streams)$/.test(name))).toEqual(['meta.json']);
});

test('wherever opening is stopped, there is no metadata, or all of it', async () => {
  const open = async (): Promise<void> => {
    await using _ = await openRepository(path);
  };
  const stops = await stopAtEveryMutation({
    prepare: () => rmSync(join(path, 'meta.json'), { force: true }),
    act: open,
    async afterStop() {
      const text = existsSync(join(path, 'meta.json')) ? readFileSync(join(path, 'meta.json'), 'utf8') : undefined;
      if (text !== undefined) expect(JSON.parse(text)).toMatchObject({ erofs_formats: { default: 2 } });
      await open();
    },
  });
  expect(stops).toEqual(['create', 'write', 'fsync', 'link', 'fsync']);
});

test('the same image has the same id in it, and its configuration then leads to the image', async () => {
  await using repository = await openRepository(path);
  const again = await importImage(repository, source, { bootable: true, tag: 'x' });
  expect(again.bootImageIds.get(2)).toBe(deploymentId);
  const { configReferences } = await readImageMetadata(repository, imported.manifestDigest);
  expect([...configReferences]).toContainEqual(['composefs.image.boot', deploymentId]);
});

test('what is named as a root outlives a garbage collection, though no tag leads to it', async () => {
  await using repository = await openRepository(path);
  await collectGarbage(repository, { additionalRoots: [deploymentId] });
  expect(readdirSync(join(path, 'images')).filter((name) => name !== 'refs')).toEqual([deploymentId]);
  expect(await checkRepository(repository)).toMatchObject({ ok: true });
  const again = await importImage(repository, source, { bootable: true, tag: 'x' });
  expect(again.bootImageIds.get(2)).toBe(deploymentId);
});
