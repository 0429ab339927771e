import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { computeVerity } from '../fsverity/digest.ts';
import { commitLinks, removeReference } from './commit.ts';
import { initRepository } from './init-repository.ts';
import { linkedDigest, listReferences } from './links.ts';
import { formatMetadata, parseMetadata } from './metadata.ts';
import { objectPath, readObject } from './objects.ts';
import { openRepository, type Repository } from './repository.ts';
import { storeObject, storeObjectFromChunks } from './store-object.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'repository-' });
afterAll(() => folder.removeCallback());
let path = '';
let count = 0;
beforeEach(() => {
  path = join(folder.name, String(count++));
});
const init = () => initRepository(path, { algorithm: 'sha256', verity: 'off', erofsFormats: { default: 1 } });
const content = Buffer.from('content of an object '.repeat(400));
const digest = computeVerity(content, 'sha256');

describe('meta.json', () => {
  test('is written as cfsctl does', () => {
    expect(formatMetadata('sha512', { default: 1, extra: [] })).toBe(`{
  "version": 1,
  "algorithm": "fsverity-sha512-12",
  "features": {
    "compatible": [],
    "read-only-compatible": [
      "v1_erofs"
    ],
    "incompatible": []
  },
  "erofs_formats": {
    "default": 1
  }
}
`);
    expect(parseMetadata(formatMetadata('sha256', { default: 1, extra: [2, 1, 2] }))).toEqual({
      algorithm: 'sha256',
      erofsFormats: { default: 1, extra: [2] },
      unknownReadOnlyFeatures: [],
    });
  });

  const metadata = (changes: object) => JSON.stringify({ version: 1, algorithm: 'fsverity-sha256-12', ...changes });
  const features = (readOnly: string[]) => ({
    features: { compatible: [], 'read-only-compatible': readOnly, incompatible: [] },
  });
  test.each([
    ['nothing', {}, 2],
    ['the flag', features(['v1_erofs']), 1],
    ['the flag and a bare default of 2', { ...features(['v1_erofs']), erofs_formats: { default: 2 } }, 1],
    ['a default of 0', { ...features([]), erofs_formats: { default: 0 } }, 0],
    ['2 with an extra', { ...features(['v1_erofs']), erofs_formats: { default: 2, extra: [1] } }, 2],
  ])('%s decides the format', (_, changes, format) => {
    expect(parseMetadata(metadata(changes)).erofsFormats.default).toBe(format);
  });

  test.each([
    ['REPOSITORY_TOO_NEW', { version: 2 }],
    ['REPOSITORY_TOO_NEW', { features: { incompatible: ['later'] } }],
    ['REPOSITORY_METADATA', { erofs_formats: { default: 3 } }],
    ['VERITY_ALGORITHM', { algorithm: 'fsverity-sha256-16' }],
  ])('%s', (code, changes) => {
    expect(() => parseMetadata(metadata(changes))).toThrow(expect.objectContaining({ code }));
  });
  test('damage', () =>
    expect(() => parseMetadata('{')).toThrow(expect.objectContaining({ code: 'REPOSITORY_METADATA' })));
});

describe('opening', () => {
  test('init makes a private directory, again the same succeeds, another configuration does not', async () => {
    await using first = await init();
    expect(first).toMatchObject({ algorithm: 'sha256', isSecure: false, erofsFormats: { default: 1, extra: [] } });
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(readdirSync(path)).toEqual(['meta.json']);
    await using _ = await init();
    const other = { algorithm: 'sha512', verity: 'off', erofsFormats: { default: 1 } } as const;
    await expect(initRepository(path, other)).rejects.toMatchObject({ code: 'REPOSITORY_EXISTS' });
    await expect(initRepository(path, { ...other, ensure: true })).rejects.toMatchObject({ code: 'REPOSITORY_EXISTS' });
    const otherFormat = { algorithm: 'sha256', verity: 'off', erofsFormats: { default: 2 } } as const;
    await expect(initRepository(path, otherFormat)).rejects.toMatchObject({ code: 'REPOSITORY_EXISTS' });
    await using ensured = await initRepository(path, { ...otherFormat, ensure: true });
    expect(ensured.erofsFormats.default).toBe(1);
  });

  test('a directory without meta.json is a repository if it has objects, and gets one', async () => {
    mkdirSync(path);
    await expect(openRepository(path)).rejects.toMatchObject({ code: 'REPOSITORY_NOT_FOUND' });
    await expect(openRepository(join(path, 'none'))).rejects.toMatchObject({ code: 'REPOSITORY_NOT_FOUND' });
    mkdirSync(join(path, 'objects/aa'), { recursive: true });
    writeFileSync(join(path, 'objects/aa', 'b'.repeat(126)), '');
    await expect(openRepository(path, { noUpgrade: true })).rejects.toMatchObject({ code: 'REPOSITORY_NOT_FOUND' });
    expect(existsSync(join(path, 'meta.json'))).toBe(false);
    await using opened = await openRepository(path);
    expect(opened).toMatchObject({ algorithm: 'sha512', erofsFormats: { default: 2 }, isSecure: false });
    expect(readFileSync(join(path, 'meta.json'), 'utf8')).toBe(formatMetadata('sha512', { default: 2, extra: [] }));
  });

  test('an unknown feature that readers may ignore forbids writing', async () => {
    mkdirSync(path);
    const text = formatMetadata('sha256', { default: 1, extra: [] }).replace('"v1_erofs"', '"v1_erofs", "later"');
    writeFileSync(join(path, 'meta.json'), text);
    await using repository = await openRepository(path);
    await expect(commitLinks(repository, [{ folder: 'streams', name: 'x', digest }])).rejects.toMatchObject({
      code: 'REPOSITORY_READ_ONLY',
    });
  });
});

describe('objects', () => {
  let repository: Repository;
  beforeEach(async () => {
    repository = await init();
    return async () => repository[Symbol.asyncDispose]();
  });
  async function* inPieces() {
    for (let at = 0; at < content.length; at += 1000) yield content.subarray(at, at + 1000);
  }

  test('are stored once, by either way, and read back', async () => {
    expect(await storeObject(repository, content)).toEqual({ digest, isNew: true });
    expect(await storeObject(repository, content)).toEqual({ digest, isNew: false });
    expect(await storeObjectFromChunks(repository, content.length, inPieces())).toEqual({ digest, isNew: false });
    expect(readObject(repository, digest).equals(content)).toBe(true);
    expect(readdirSync(join(path, 'objects'))).toEqual([digest.slice(0, 2)]);
    expect(statSync(join(path, objectPath(digest))).mode & 0o777).toBe(0o644);
  });

  test.each(['memory', 'chunks'])('one that a loss of power cut short is put right (%s)', async (way) => {
    await storeObject(repository, content);
    truncateSync(join(path, objectPath(digest)), 100);
    const stored = await (way === 'memory'
      ? storeObject(repository, content)
      : storeObjectFromChunks(repository, content.length, inPieces()));
    expect(stored).toEqual({ digest, isNew: true });
    expect(readObject(repository, digest).equals(content)).toBe(true);
    expect(readdirSync(join(path, 'objects'))).toEqual([digest.slice(0, 2)]);
  });

  test('one that is missing says so', () => {
    expect(() => readObject(repository, digest)).toThrow(expect.objectContaining({ code: 'OBJECT_MISSING' }));
  });

  test('links and references lead to them', async () => {
    await storeObject(repository, content);
    await commitLinks(repository, [
      { folder: 'images', name: digest, digest },
      { folder: 'images', reference: 'a/b', entry: digest },
    ]);
    expect(linkedDigest(repository, 'images', digest)).toBe(digest);
    expect(listReferences(repository, 'images')).toEqual([
      { folder: 'images', name: 'refs/a/b', target: `../../${digest}`, isResolved: true },
    ]);
    await removeReference(repository, 'images', 'a/b');
    expect(listReferences(repository, 'images')).toEqual([]);
    await expect(removeReference(repository, 'images', '../x')).rejects.toMatchObject({ code: 'LINK_NAME' });
  });

  test('what a link leads to elsewhere is no object', () => {
    mkdirSync(dirname(join(path, 'images/x')));
    symlinkSync('/etc/passwd', join(path, 'images/x'));
    expect(linkedDigest(repository, 'images', 'x')).toBeUndefined();
  });
});
