import { existsSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { checkImages, checkRepository, importImage, openRepository, readImageMetadata } from '@workbench/composefs';
import { dirSync } from 'tmp-promise';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { collectSystemGarbage } from '../gc/collect.ts';
import { bootableFiles, deploy, makeTestSystem, writeImageLayout } from '../storage/test-system.testing.ts';
import { makeUki } from '../uki/make-pe.testing.ts';
import { finalizeStaged } from './finalize.ts';
import { switchTo } from './switch.ts';
import {
  countMutations,
  makeUpdateSystem,
  recordingEnvironment,
  targetOf,
  type UpdateSystem,
} from './update-system.testing.ts';

const folder = dirSync({ unsafeCleanup: true });
afterAll(() => folder.removeCallback());
const os = writeImageLayout(join(folder.name, 'os'), bootableFiles('1'));
const next = writeImageLayout(join(folder.name, 'next'), bootableFiles('2'));
const app = writeImageLayout(join(folder.name, 'app'), { 'usr/app': 'app'.repeat(100) });

/** As older programs left it: without metadata, and without the image of a tagged container image. */
let system: UpdateSystem;
let appManifest: string;
let appImage: string;
beforeEach(async () => {
  system = await makeUpdateSystem(os);
  await using repository = await openRepository(system.repositoryPath);
  const imported = await importImage(repository, app, { tag: 'app', bootable: false });
  appManifest = imported.manifestDigest;
  appImage = imported.imageIds.get(1) as string;
});
afterEach(() => rmSync(system.directory, { recursive: true }));

const imagePath = (digest: string) => join(system.repositoryPath, 'images', digest);
const collect = (options: { isDryRun: boolean; onlyBootFiles: boolean }) =>
  system.use((storage) => collectSystemGarbage(storage, options));

async function expectSound(): Promise<void> {
  await using repository = await openRepository(system.repositoryPath);
  expect((await checkRepository(repository)).errors).toEqual([]);
  expect((await checkImages(repository)).errors).toEqual([]);
}

test('a repository without metadata gets them, and its images, before an image is pulled', async () => {
  unlinkSync(join(system.repositoryPath, 'meta.json'));
  unlinkSync(imagePath(appImage));
  await system.use((storage) => switchTo(storage, targetOf(next), recordingEnvironment()));
  expect(existsSync(join(system.repositoryPath, 'meta.json'))).toBe(true);
  await using repository = await openRepository(system.repositoryPath);
  // What was made before there were metadata is of that format.
  expect(repository.erofsFormats.default).toBe(2);
  const { configReferences } = await readImageMetadata(repository, appManifest);
  expect(existsSync(imagePath(configReferences.get('composefs.image') as string))).toBe(true);
  await expectSound();
});

test.each([
  ['composefs.image.boot.v1', 1],
  ['composefs.image.boot', 2],
])(
  'a unified kernel image may be sealed with the id of another format than the repository has: %s',
  async (name, format) => {
    unlinkSync(join(system.repositoryPath, 'meta.json'));
    const unsealed = writeImageLayout(join(folder.name, `unsealed-${format}`), bootableFiles('3'));
    const scratch = await makeTestSystem();
    const { manifestDigest } = await deploy(scratch, unsealed);
    const id = await (async () => {
      await using repository = await openRepository(scratch.repositoryPath);
      return (await readImageMetadata(repository, manifestDigest)).configReferences.get(name)!;
    })();
    rmSync(scratch.directory, { recursive: true });
    const sealed = { ...bootableFiles('3'), 'boot/EFI/Linux/6.12.efi': makeUki(`rw composefs=?${id}`) };
    const target = targetOf(writeImageLayout(join(folder.name, `sealed-${format}`), sealed));
    expect(await system.use((storage) => switchTo(storage, target, recordingEnvironment()))).toBe(id);
    expect(await system.use(finalizeStaged)).toMatchObject({ kind: 'finalized', deploymentId: id, problems: [] });
    await collect({ isDryRun: false, onlyBootFiles: false });
    expect(existsSync(imagePath(id))).toBe(true);
    await using repository = await openRepository(system.repositoryPath);
    expect(repository.erofsFormats).toEqual({ default: 2, extra: [] });
  },
);

test.each([true, false])(
  'an image that is missing is there after garbage collection (dry run: %s)',
  async (isDryRun) => {
    unlinkSync(imagePath(appImage));
    await collect({ isDryRun, onlyBootFiles: false });
    expect(existsSync(imagePath(appImage))).toBe(true);
    await expectSound();
  },
);

test('where nothing is missing, nothing is changed', async () => {
  await collect({ isDryRun: false, onlyBootFiles: false });
  expect(await countMutations(() => collect({ isDryRun: true, onlyBootFiles: false }))).toEqual(new Map());
});

test('what runs as the system goes down leaves the images as they are', async () => {
  unlinkSync(imagePath(appImage));
  await collect({ isDryRun: false, onlyBootFiles: true });
  expect(existsSync(imagePath(appImage))).toBe(false);
});
