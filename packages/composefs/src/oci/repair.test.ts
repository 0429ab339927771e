import { mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { checkRepository } from '../repository/check.ts';
import { initRepository } from '../repository/init-repository.ts';
import { objectPath } from '../repository/objects.ts';
import { openRepository, type Repository } from '../repository/repository.ts';
import { readImageMetadata } from './image-metadata.ts';
import { importImage } from './import-image.ts';
import { makeMatchingBootImage } from './match-boot-image.ts';
import { repairRepository } from './repair.ts';
import { ociVectors, vectorLayout } from './vector-image.testing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'repair-' });
afterAll(() => folder.removeCallback());
const source = `oci:${vectorLayout}:vector`;
let count = 0;
let repository: Repository;
let objects: string[];

beforeEach(async () => {
  repository = await initRepository(join(folder.name, `repository-${count++}`), {
    algorithm: 'sha256',
    verity: 'off',
    erofsFormats: { default: 1, extra: [2] },
  });
  await importImage(repository, source, { tag: 'x', bootable: true });
  objects = readdirSync(join(repository.path, 'objects'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('/'))
    .sort();
  return () => repository[Symbol.asyncDispose]();
});

const at = (object: string) => join(repository.path, 'objects', object);
/** Damage that leaves the size as it is. */
function damage(object: string): void {
  const content = readFileSync(at(object));
  content[content.length - 1] = (content.at(-1) as number) ^ 1;
  writeFileSync(at(object), content);
}
const before = () => new Map(objects.map((object) => [object, readFileSync(at(object), 'hex')]));

test('each object comes back, whether it was changed or lost', async () => {
  const whole = before();
  for (const [i, object] of objects.entries()) {
    if (i % 2 === 0) damage(object);
    else unlinkSync(at(object));
    const report = await checkRepository(repository);
    const digest = object.replace('/', '');
    expect(report.hurtObjects).toEqual([
      { digest, problem: i % 2 === 0 ? 'damaged' : 'missing', needers: expect.arrayContaining(['x']) },
    ]);
    const repair = await repairRepository(repository, report, [source]);
    expect(repair.report).toMatchObject({ ok: true, errors: [], hurtObjects: [] });
    expect(repair.restored).toEqual([digest]);
    expect(before()).toEqual(whole);
  }
});

test('an image that is only to boot gets no others', async () => {
  await using bootOnly = await initRepository(join(folder.name, 'boot-only'), {
    algorithm: 'sha256',
    verity: 'off',
    erofsFormats: { default: 1 },
  });
  await importImage(bootOnly, source, { tag: 'x', bootable: true, isBootOnly: true });
  const list = () => readdirSync(bootOnly.path, { recursive: true, encoding: 'utf8' }).sort();
  const former = list();
  const lost = readdirSync(join(bootOnly.path, 'images'))[0] as string;
  unlinkSync(join(bootOnly.path, 'objects', lost.slice(0, 2), lost.slice(2)));
  const repair = await repairRepository(bootOnly, await checkRepository(bootOnly), [source]);
  expect(repair.restored).toEqual([lost]);
  expect(list()).toEqual(former);
});

test('so do images with other attributes, and of another format', async () => {
  await using other = await openRepository(repository.path, { erofsFormat: 2 });
  const { manifestDigest } = await importImage(other, source, { tag: 'x', bootable: false });
  const expectedDigest = ociVectors.runs['vector/sha256/V1']?.imageBootableKeepUserXattrs as string;
  await makeMatchingBootImage(repository, { manifestDigest, tag: 'x', expectedDigest });
  const { configReferences } = await readImageMetadata(repository, manifestDigest);
  const lost = [expectedDigest, configReferences.get('composefs.image') as string].sort();
  for (const digest of lost) unlinkSync(join(repository.path, objectPath(digest)));
  await using narrow = await openRepository(repository.path, { erofsFormat: 1 });
  const repair = await repairRepository(narrow, await checkRepository(narrow), [source]);
  expect(repair).toMatchObject({ restored: lost, report: { ok: true } });
});

test('all objects at once come back', async () => {
  const whole = before();
  for (const object of objects) damage(object);
  const repair = await repairRepository(repository, await checkRepository(repository), [source]);
  expect(repair.report.ok).toBe(true);
  expect(repair.restored).toHaveLength(objects.length);
  expect(before()).toEqual(whole);
});

test('what is whole is not written again', async () => {
  damage(objects[3] as string);
  const inodes = () => objects.slice(4).map((object) => statSync(at(object)).ino);
  const report = await checkRepository(repository);
  const former = inodes();
  await repairRepository(repository, report, [source]);
  expect(inodes()).toEqual(former);
  expect(repository.suspects.size).toBe(0);
});

test('a source of another image is refused, and changes nothing', async () => {
  damage(objects[0] as string);
  const report = await checkRepository(repository);
  await expect(repairRepository(repository, report, [`oci:${vectorLayout}:vector-xlink`])).rejects.toMatchObject({
    code: 'REPAIR_SOURCE',
  });
  expect((await checkRepository(repository)).errors).toEqual(report.errors);
});

test('damage that nothing needs is told apart', async () => {
  const stray = join(repository.path, 'objects/00', 'a'.repeat(62));
  mkdirSync(dirname(stray), { recursive: true });
  writeFileSync(stray, 'garbage');
  const { hurtObjects } = await checkRepository(repository);
  expect(hurtObjects).toEqual([{ digest: `00${'a'.repeat(62)}`, problem: 'damaged', needers: [] }]);
});
