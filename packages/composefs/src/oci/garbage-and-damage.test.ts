import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkRepository } from '../repository/check.ts';
import { collectGarbage, planGarbageCollection } from '../repository/garbage-collection.ts';
import { findImage } from '../repository/images.ts';
import { initRepository } from '../repository/init-repository.ts';
import { linkedDigest, listLinks } from '../repository/links.ts';
import { objectPath } from '../repository/objects.ts';
import { openRepository, type Repository } from '../repository/repository.ts';
import { storeObject } from '../repository/store-object.ts';
import { checkImages } from './check-images.ts';
import { buildImageTree } from './image-tree.ts';
import { type ImportResult, importImage } from './import-image.ts';
import { listTags, tagImage, untagImage } from './tags.ts';
import { ociVectors, vectorLayout } from './vector-image.testing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'garbage-' });
afterAll(() => folder.removeCallback());
const template = join(folder.name, 'template');
let imported: ImportResult;
beforeAll(async () => {
  const erofsFormats = { default: 1, extra: [2] } as const;
  await using repository = await initRepository(template, {
    algorithm: 'sha256',
    verity: 'off',
    erofsFormats: { default: erofsFormats.default, extra: [...erofsFormats.extra] },
  });
  imported = await importImage(repository, `oci:${vectorLayout}:vector`, { tag: 'a/b%c', bootable: true });
});

let path = '';
let repository: Repository;
let count = 0;
beforeEach(async () => {
  path = join(folder.name, String(count++));
  cpSync(template, path, { recursive: true, verbatimSymlinks: true });
  repository = await openRepository(path);
  return async () => repository[Symbol.asyncDispose]();
});
const noRoots = { additionalRoots: [] };
const layerNames = () => readdirSync(join(path, 'streams')).filter((name) => name.startsWith('oci-layer'));

describe('tags', () => {
  test('any name but those of digests', async () => {
    expect(await listTags(repository)).toEqual(new Map([['a/b%c', imported.manifestDigest]]));
    expect(readdirSync(join(path, 'streams/refs/oci'))).toEqual(['a%2Fb%25c']);
    await tagImage(repository, 'other', imported.manifestDigest);
    await untagImage(repository, 'a/b%c');
    expect([...(await listTags(repository)).keys()]).toEqual(['other']);
    await expect(untagImage(repository, 'a/b%c')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    await expect(tagImage(repository, '@x', imported.manifestDigest)).rejects.toMatchObject({ code: 'OCI_TAG' });
    const unknown = ociVectors.tags['vector-xlink']?.manifest as string;
    await expect(tagImage(repository, 'x', unknown)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });
});

describe('garbage collection', () => {
  test('is foreseen as it will be once tags are gone', async () => {
    await tagImage(repository, 'kept', imported.manifestDigest);
    const withOther = await planGarbageCollection(repository, { ...noRoots, ignoreTags: ['a/b%c'] });
    expect(withOther).toMatchObject({ objects: [], streamLinks: [] });
    const ignoreTags = ['a/b%c', 'kept'];
    const foreseen = await planGarbageCollection(repository, { ...noRoots, ignoreTags });
    for (const tag of ignoreTags) await untagImage(repository, tag);
    expect(foreseen).toEqual(await collectGarbage(repository, noRoots));
    expect(foreseen.objects.length).toBeGreaterThan(10);
  });

  test('has nothing to do after an import, in every format', async () => {
    expect(imported.imageIds.size).toBe(2);
    expect(imported.bootImageIds.size).toBe(2);
    const plan = await planGarbageCollection(repository, noRoots);
    expect(plan).toMatchObject({ objects: [], bytes: 0, imageLinks: [], streamLinks: [] });
    expect(plan.roots.map(({ reason }) => reason)).toEqual(['streams/refs/oci/a%2Fb%25c']);
  });

  test('removes an untagged image and foresees which links go, an additional root keeps it', async () => {
    await untagImage(repository, 'a/b%c');
    const bootImage = imported.bootImageIds.get(1) as string;
    const kept = await planGarbageCollection(repository, {
      additionalRoots: [`oci-manifest-${imported.manifestDigest}`, bootImage],
    });
    expect(kept.objects).toEqual([]);
    const onlyImage = await planGarbageCollection(repository, { additionalRoots: [bootImage] });
    expect(onlyImage.imageLinks).toHaveLength(3);
    expect(onlyImage.streamLinks).toHaveLength(4);
    const plan = await planGarbageCollection(repository, noRoots);
    expect(plan).toMatchObject({ roots: [], imageLinks: { length: 4 }, streamLinks: { length: 4 } });
    expect(await collectGarbage(repository, noRoots)).toEqual(plan);
    expect(listLinks(repository, 'images')).toEqual([]);
    expect((await checkRepository(repository)).objectsChecked).toBe(0);
  });

  test('keeps the content of an image whose layers lost their links', async () => {
    for (const name of layerNames()) rmSync(join(path, 'streams', name));
    expect((await planGarbageCollection(repository, noRoots)).objects).toEqual([]);
    expect(await buildImageTree(repository, imported.manifestDigest)).toBeDefined();
  });

  test('removes what stopped programs left', async () => {
    writeFileSync(join(path, 'objects/.tmp-object-abc'), 'x');
    symlinkSync('nowhere', join(path, '.symlink-abc'));
    const plan = await collectGarbage(repository, noRoots);
    expect(plan.leftovers).toEqual(['objects/.tmp-object-abc', '.symlink-abc']);
    expect(existsSync(join(path, 'objects/.tmp-object-abc'))).toBe(false);
  });

  const refusals: [code: string, damage: () => void, roots: string[]][] = [
    ['GC_ROOT_MISSING', () => {}, ['nope']],
    ['GC_NO_ROOTS', () => rmSync(join(path, 'streams', `oci-manifest-${imported.manifestDigest}`)), []],
    ['GC_ROOT_UNREADABLE', () => writeFileSync(join(path, objectPath(imported.manifestStream)), 'SplitStream'), []],
    ['GC_FOREIGN_FILE', () => writeFileSync(join(path, 'objects/0a/x'), ''), []],
    ['GC_FOREIGN_FILE', () => writeFileSync(join(path, 'images/x'), ''), []],
  ];
  test.each(refusals)('refuses to guess, and removes nothing: %s', async (code, damage, additionalRoots) => {
    await storeObject(repository, Buffer.from('garbage'));
    damage();
    const before = readdirSync(path, { recursive: true });
    await expect(collectGarbage(repository, { additionalRoots })).rejects.toMatchObject({ code });
    expect(readdirSync(path, { recursive: true })).toEqual(before);
  });

  test.each(['oci-manifest', 'oci-config', 'oci-layer'])('removes nothing while a stream is lost: %s', async (kind) => {
    const name = readdirSync(join(path, 'streams')).find((entry) => entry.startsWith(kind)) as string;
    const other = await importImage(repository, `oci:${vectorLayout}:vector-xlink`, { tag: 'other', bootable: false });
    expect(other.manifestDigest).not.toBe(imported.manifestDigest);
    rmSync(join(path, objectPath(linkedDigest(repository, 'streams', name) as string)));
    const before = readdirSync(path, { recursive: true });
    await expect(collectGarbage(repository, noRoots)).rejects.toMatchObject({ code: 'GC_ROOT_UNREADABLE' });
    expect(readdirSync(path, { recursive: true })).toEqual(before);
    await importImage(repository, `oci:${vectorLayout}:vector`, { tag: 'a/b%c', bootable: true });
    await collectGarbage(repository, noRoots);
    expect((await checkRepository(repository)).errors).toEqual([]);
  });

  test('goes on while an image is lost, which leads to nothing that its layers do not', async () => {
    rmSync(join(path, objectPath(imported.bootImageIds.get(1) as string)));
    expect(await collectGarbage(repository, noRoots)).toMatchObject({ objects: [], imageLinks: { length: 1 } });
    expect((await planGarbageCollection(repository, noRoots)).objects).toEqual([]);
  });

  test('removes nothing while one of several references leads to nothing', async () => {
    await importImage(repository, `oci:${vectorLayout}:vector-xlink`, { tag: 'other', bootable: false });
    rmSync(join(path, 'streams', `oci-manifest-${imported.manifestDigest}`));
    const lost = expect.stringContaining('streams/refs/oci/a%2Fb%25c leads to nothing');
    await expect(planGarbageCollection(repository, noRoots)).rejects.toMatchObject({ message: lost });
    expect([...(await listTags(repository)).keys()]).toEqual(['other']);
    expect([...(await listTags(repository, { withLost: true })).keys()]).toEqual(['a/b%c', 'other']);
    expect(await checkImages(repository)).toMatchObject({ imagesChecked: 2, imagesCorrupted: 1 });
    await untagImage(repository, 'a/b%c');
    expect((await collectGarbage(repository, noRoots)).objects.length).toBeGreaterThan(0);
  });
});

describe('fsck', () => {
  const object = (index: number) => {
    const directories = readdirSync(join(path, 'objects')).sort();
    const directory = join(path, 'objects', directories[index] as string);
    return join(directory, readdirSync(directory)[0] as string);
  };
  test('finds every kind of damage', async () => {
    const image = imported.imageIds.get(1) as string;
    const layer = layerNames()[0] as string;
    rmSync(join(path, objectPath('85aaa2ff8e54605bb5d7fea4e826b4443dc43b0b29c73d828594980c7bbc760f')));
    writeFileSync(object(1), 'changed', { flag: 'a' });
    writeFileSync(join(path, 'objects/0a/zz'), '');
    symlinkSync('../objects/00/11', join(path, 'images/abc'));
    writeFileSync(join(path, 'images/plain'), '');
    symlinkSync('../../nope', join(path, 'streams/refs/oci/bad'));
    mkdirSync(join(path, 'streams/dir'));
    symlinkSync('../objects/0a/zz', join(path, 'streams/odd'));
    const report = await checkRepository(repository);
    expect(report).toMatchObject({ ok: false, brokenLinks: 2, streamsChecked: 6, imagesChecked: 6 });
    const kinds = report.errors.map((error) => error.split(': ').slice(1, 3).join(' '));
    expect(kinds).toEqual(
      expect.arrayContaining([
        'object-invalid-name objects/0a/zz',
        'broken-symlink images/abc',
        'entry-not-symlink images/plain',
        'broken-symlink streams/refs/oci/bad',
        'entry-not-symlink streams/dir',
        'stream-open-failed streams/odd',
        `missing-object-ref streams/${layer}`,
        `image-missing-object images/${image}`,
        expect.stringMatching(/^object-digest-mismatch objects/),
      ]),
    );
    const quick = await checkRepository(repository, { metadataOnly: true });
    expect(quick.objectsChecked).toBe(0);
    expect(quick.errors).toHaveLength(report.errors.filter((error) => !error.startsWith('fsck: object')).length);
  });

  test('an image under the name of another is none, and is not taken for it', async () => {
    const [first, second] = [...imported.imageIds.values()] as [string, string];
    rmSync(join(path, 'images', first));
    symlinkSync(join('..', objectPath(second)), join(path, 'images', first));
    const errors = [`fsck: image-invalid: images/${first}: it leads to ../${objectPath(second)}`];
    expect((await checkRepository(repository)).errors).toEqual(errors);
    expect(() => findImage(repository, first)).toThrow(expect.objectContaining({ code: 'IMAGE_MISMATCH' }));
    expect(findImage(repository, second)).toBe(second);
    await importImage(repository, `oci:${vectorLayout}:vector`, { tag: 'a/b%c', bootable: true });
    expect((await checkRepository(repository)).errors).toEqual([]);
  });

  test('of images finds missing layers and changed JSON', async () => {
    expect(await checkImages(repository)).toEqual({ imagesChecked: 1, imagesCorrupted: 0, errors: [] });
    for (const name of layerNames()) rmSync(join(path, 'streams', name));
    expect((await checkImages(repository)).errors).toEqual(
      ociVectors.tags.vector?.diffIds.map((diffId) => `fsck: layer-stream-missing: a/b%c: ${diffId}`),
    );
    const config = linkedDigest(repository, 'streams', `oci-config-${imported.configDigest}`) as string;
    rmSync(join(path, objectPath(config)));
    expect((await checkImages(repository)).errors).toEqual([
      `fsck: config-read-failed: a/b%c: Opening stream 'oci-config-${imported.configDigest}'`,
    ]);
  });

  test('an import anew brings back what is lost', async () => {
    rmSync(join(path, 'objects'), { recursive: true });
    const again = await importImage(repository, `oci:${vectorLayout}:vector`, { tag: 'a/b%c', bootable: true });
    expect(again).toMatchObject({ bootImageIds: imported.bootImageIds, manifestStream: imported.manifestStream });
    expect((await checkRepository(repository)).errors).toEqual([]);
  });
});
