import { linkSync, mkdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { importImage } from '../oci/import-image.ts';
import { initRepository } from '../repository/init-repository.ts';
import { openStream, readMergedStream } from '../repository/streams.ts';
import { writeAttribute } from '../syscalls/extended-attributes.ts';
import { isSystemError } from '../syscalls/libc.ts';
import type { MadeEntry } from '../tar/make-tar.testing.ts';
import { addImage, addLayer, type MadeLayer, type MadeStore, makeStore } from './make-store.testing.ts';
import { openStoredImage } from './open-image.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'storage-' });
afterAll(() => folder.removeCallback());
let count = 0;
let store: MadeStore;
let base: MadeLayer;
let top: MadeLayer;
const large = 'large '.repeat(300_000);
const baseEntries: MadeEntry[] = [
  { name: 'usr/', type: 'dir', mode: '755' },
  { name: 'usr/large', type: 'file', content: large },
  { name: 'usr/same', type: 'file', content: large },
  { name: 'usr/small', type: 'file', content: 'small' },
  { name: 'usr/link', type: 'hardlink', target: 'usr/small' },
  { name: 'bin', type: 'symlink', target: 'usr' },
];

beforeEach(() => {
  store = makeStore(join(folder.name, `store-${count++}`));
  base = addLayer(store, baseEntries);
  top = addLayer(store, [{ name: 'usr/more', type: 'file', content: 'm'.repeat(65) }], [base]);
  addImage(store, ['localhost/bootc:latest', 'quay.example/os/base:42'], [base, top]);
});

async function importFrom(name: string, roots = [store.root]) {
  const path = join(folder.name, `repository-${count++}`);
  const repository = await initRepository(path, { algorithm: 'sha256', verity: 'off', erofsFormats: { default: 1 } });
  const source = `containers-storage:${name}`;
  const options = { bootable: false, storageRoots: roots };
  try {
    return { repository, result: await importImage(repository, source, options) };
  } catch (error) {
    await repository[Symbol.asyncDispose]();
    throw error;
  }
}

const layerFile = (layer: MadeLayer, path: string) => join(store.root, 'overlay', layer.id, 'diff', path);

test('the streams are the archives, bit for bit', async () => {
  const { repository, result } = await importFrom('localhost/bootc:latest');
  await using _ = repository;
  for (const layer of [base, top]) {
    const stream = await openStream(repository, `oci-layer-${layer.diffId}`, 'ocilayer');
    expect((await readMergedStream(repository, stream)).equals(layer.archive)).toBe(true);
  }
  const { hardlinked, reflinked, copied, present } = result.counters;
  expect({ objects: hardlinked + reflinked + copied, present }).toEqual({ objects: 2, present: 1 });
  // What is shared takes no room of its own.
  if (hardlinked > 0) expect(statSync(layerFile(base, 'usr/large')).nlink).toBeGreaterThan(1);
});

describe('images are found', () => {
  test.each(['localhost/bootc:latest', 'localhost/bootc', 'bootc', 'bootc:latest', 'base:42', 'os/base:42'])(
    '%s',
    (name) => {
      expect(openStoredImage(name, { storageRoots: [store.root] }).layers.map(({ diffId }) => diffId)).toEqual([
        base.diffId,
        top.diffId,
      ]);
    },
  );
  test('by id', () => {
    const id = addImage(store, [], [base]);
    for (const name of [id, `sha256:${id}`])
      expect(openStoredImage(name, { storageRoots: [store.root] }).layers).toHaveLength(1);
  });
  test('not by part of a name', () => {
    for (const name of ['ootc', 'base', 'bootc:42']) {
      expect(() => openStoredImage(name, { storageRoots: [store.root] })).toThrow(
        expect.objectContaining({ code: 'STORAGE_NO_IMAGE' }),
      );
    }
  });
  test('in an additional store whose layers complement the first', async () => {
    const additional = makeStore(join(folder.name, `store-${count++}`));
    const third = addLayer(additional, [{ name: 'usr/third', type: 'file', content: 't'.repeat(100) }]);
    addImage(additional, ['localhost/third:latest'], [base, third]);
    const { repository, result } = await importFrom('third', [store.root, additional.root]);
    await using _ = repository;
    expect(result.counters.present).toBe(1);
  });
});

test('of a file that is a stub, the content is the parent’s', async (context) => {
  const entry: MadeEntry = { name: 'usr/stub', type: 'file', content: large };
  const parent = addLayer(store, [{ name: 'usr/', type: 'dir' }, entry]);
  const child = addLayer(store, [entry], [parent]);
  addImage(store, ['stub:latest'], [parent, child]);
  const stub = layerFile(child, 'usr/stub');
  writeFileSync(stub, '');
  truncateSync(stub, large.length);
  try {
    writeAttribute(stub, 'user.overlay.metacopy', new Uint8Array());
  } catch (error) {
    if (!isSystemError(error, 'EOPNOTSUPP')) throw error;
    context.annotate('this file system has no attributes, so the stub is without its mark');
    rmSync(stub);
  }
  const { repository, result } = await importFrom('stub');
  await using _ = repository;
  expect(result.counters).toMatchObject({ present: 1 });
});

describe('storage that is damaged is refused', () => {
  const cases: [string, () => void][] = [
    ['a file is missing', () => rmSync(layerFile(base, 'usr/large'))],
    ['a file is shorter', () => truncateSync(layerFile(base, 'usr/large'), 100)],
    ['a file has other content', () => writeFileSync(layerFile(base, 'usr/large'), large.replace('large', 'LARGE'))],
    ['a small file has other content', () => writeFileSync(layerFile(base, 'usr/small'), 'smell')],
    ['a small file is longer', () => writeFileSync(layerFile(base, 'usr/small'), 'longer than before')],
    ['a layer is missing', () => rmSync(join(store.root, 'overlay', base.id), { recursive: true })],
    [
      'a layer’s records are cut',
      () => truncateSync(join(store.root, 'overlay-layers', `${base.id}.tar-split.gz`), 200),
    ],
    ['the list of layers is no JSON', () => writeFileSync(join(store.root, 'overlay-layers/layers.json'), '[')],
    ['the list of layers is empty', () => writeFileSync(join(store.root, 'overlay-layers/layers.json'), '[]')],
    [
      'a directory is a symlink that leads out',
      () => {
        mkdirSync(join(store.root, 'outside'));
        linkSync(layerFile(base, 'usr/large'), join(store.root, 'outside/large'));
        for (const name of ['same', 'small']) writeFileSync(join(store.root, 'outside', name), 'x');
        rmSync(layerFile(base, 'usr'), { recursive: true });
        symlinkSync(join(store.root, 'outside'), layerFile(base, 'usr'));
      },
    ],
  ];
  test.each(cases)('%s', async (_, damage) => {
    damage();
    await expect(importFrom('bootc')).rejects.toMatchObject({ code: 'STORAGE_DAMAGED' });
  });

  test('a path that leads out', async () => {
    const layer = addLayer(store, [{ name: 'usr/../../x', type: 'file', content: large }]);
    addImage(store, ['evil:latest'], [layer]);
    await expect(importFrom('evil')).rejects.toMatchObject({ code: 'STORAGE_DAMAGED' });
  });

  test('none at all', () => {
    expect(() => openStoredImage('x', { storageRoots: [folder.name] })).toThrow(
      expect.objectContaining({ code: 'STORAGE_NOT_FOUND' }),
    );
  });
});
