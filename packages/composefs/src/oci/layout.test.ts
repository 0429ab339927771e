import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { dirSync } from 'tmp-promise';
import { afterAll, describe, expect, test } from 'vitest';
import { initRepository } from '../repository/init-repository.ts';
import { makeTar } from '../tar/make-tar.testing.ts';
import { findNode } from '../tree/find-node.ts';
import { readImageMetadata } from './image-metadata.ts';
import { buildImageTree, readFileNode } from './image-tree.ts';
import { importImage } from './import-image.ts';
import { openLayout } from './layout.ts';
import { parseConfig, parseManifest } from './manifest.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'layout-' });
afterAll(() => folder.removeCallback());
let count = 0;

const archive = makeTar([
  { name: 'usr/', type: 'dir', mode: '755' },
  { name: 'usr/large', type: 'file', content: 'large '.repeat(500_000) },
  { name: 'usr/small', type: 'file', content: 'small' },
]);

interface MadeImage {
  layer?: Buffer;
  layerType?: string;
  diffId?: string;
  configType?: string;
  tags?: (string | undefined)[];
  architecture?: string;
}

/** An OCI layout with one image of one layer; anything may be wrong in it. */
function makeLayout(image: MadeImage = {}): { path: string; layerDigest: string } {
  const path = join(folder.name, String(count++));
  mkdirSync(join(path, 'blobs/sha256'), { recursive: true });
  const blob = (bytes: Buffer) => {
    const hex = hash('sha256', bytes, 'hex');
    writeFileSync(join(path, 'blobs/sha256', hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (value: object) => blob(Buffer.from(JSON.stringify(value)));
  const layer = blob(image.layer ?? archive);
  const diffId = image.diffId ?? `sha256:${hash('sha256', archive, 'hex')}`;
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as 'x64'] ?? process.arch;
  const config = json({ architecture, os: 'linux', rootfs: { type: 'layers', diff_ids: [diffId] } });
  const manifest = json({
    schemaVersion: 2,
    config: { mediaType: image.configType ?? 'application/vnd.oci.image.config.v1+json', ...config },
    layers: [{ mediaType: `application/vnd.oci.image.layer.v1.tar${image.layerType ?? ''}`, ...layer }],
  });
  const manifests = (image.tags ?? ['one']).map((tag) => ({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    ...manifest,
    platform: { architecture: image.architecture ?? architecture, os: 'linux' },
    ...(tag === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': tag } }),
  }));
  writeFileSync(join(path, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  return { path, layerDigest: layer.digest };
}

async function importLayout(source: string) {
  const path = join(folder.name, `repository-${count++}`);
  const repository = await initRepository(path, { algorithm: 'sha256', verity: 'off', erofsFormats: { default: 1 } });
  return { repository, result: await importImage(repository, `oci:${source}`, { bootable: false }) };
}

const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7]);

describe('layers are read', () => {
  const half = archive.length >> 1;
  test.each([
    ['plain', '', archive],
    ['gzip', '+gzip', gzipSync(archive)],
    [
      'gzip of several members',
      '+gzip',
      Buffer.concat([gzipSync(archive.subarray(0, half)), gzipSync(archive.subarray(half))]),
    ],
    ['zstd', '+zstd', zstdCompressSync(archive)],
    [
      'zstd of several frames',
      '+zstd',
      Buffer.concat([zstdCompressSync(archive.subarray(0, half)), zstdCompressSync(archive.subarray(half))]),
    ],
    ['zstd with a frame before it that may be skipped', '+zstd', Buffer.concat([skippable, zstdCompressSync(archive)])],
  ])('%s', async (_, layerType, layer) => {
    const { repository, result } = await importLayout(makeLayout({ layer, layerType }).path);
    await using _repository = repository;
    expect(result.counters).toMatchObject({ copied: 1, present: 0, storedBytes: 3_000_000, hardlinked: 0 });
    const root = await buildImageTree(repository, result.manifestDigest);
    const content = async (path: string) => {
      const node = findNode(root, path);
      return node === undefined || node.type === 'directory' ? undefined : readFileNode(repository, node);
    };
    expect((await content('usr/large'))?.length).toBe(3_000_000);
    expect((await content('usr/small'))?.toString()).toBe('small');
    const metadata = await readImageMetadata(repository, result.manifestDigest);
    expect(metadata.configDigest).toBe(result.configDigest);
    expect(metadata.config.rootfs.diff_ids).toHaveLength(1);
  });
});

describe('images are refused', () => {
  const cases: [code: string, what: string, image: MadeImage, suffix?: string][] = [
    ['OCI_BLOB_MISMATCH', 'with another content than the diff id says', { diffId: `sha256:${'0'.repeat(64)}` }],
    [
      'OCI_BLOB_MISMATCH',
      'with other compressed content than the diff id says',
      { diffId: `sha256:${'0'.repeat(64)}`, layerType: '+gzip', layer: gzipSync(archive) },
    ],
    ['OCI_DIGEST', 'with a diff id of another hash', { diffId: `sha512:${'0'.repeat(128)}` }],
    ['OCI_LAYER_DAMAGED', 'with damaged gzip', { layerType: '+gzip', layer: gzipSync(archive).subarray(0, -100) }],
    [
      'OCI_LAYER_DAMAGED',
      'with damaged zstd',
      { layerType: '+zstd', layer: zstdCompressSync(archive).subarray(0, -9) },
    ],
    ...[10, 1_000_000].flatMap((length): [string, string, MadeImage][] => {
      const behind = (packed: Buffer) => Buffer.concat([packed, Buffer.alloc(length)]);
      return [
        [
          'OCI_LAYER_DAMAGED',
          `with ${length} zeros after gzip`,
          { layerType: '+gzip', layer: behind(gzipSync(archive)) },
        ],
        [
          'OCI_LAYER_DAMAGED',
          `with ${length} zeros after zstd`,
          { layerType: '+zstd', layer: behind(zstdCompressSync(archive)) },
        ],
      ];
    }),
    ['OCI_LAYER_TYPE', 'with an unknown compression', { layerType: '+xz' }],
    ['TAR_INVALID', 'with a layer that is no archive', { layer: Buffer.alloc(2000, 7) }],
    ['OCI_ARTIFACT', 'that are artifacts', { configType: 'application/vnd.oci.empty.v1+json' }],
    ['OCI_LAYOUT', 'without the tag', {}, ':two'],
    ['OCI_LAYOUT', 'that are ambiguous', { tags: ['one', 'two'] }],
    ['OCI_LAYOUT', 'for another machine', { architecture: 's390x' }],
  ];
  test.each(cases)('%s: %s', async (code, _, image, suffix = '') => {
    await expect(importLayout(makeLayout(image).path + suffix)).rejects.toMatchObject({ code });
  });

  test('with a changed blob', async () => {
    const { path, layerDigest } = makeLayout();
    const changed = Buffer.from(archive);
    changed.write('b', 1024 + 600);
    writeFileSync(join(path, 'blobs', layerDigest.replace(':', '/')), changed);
    await expect(importLayout(path)).rejects.toMatchObject({ code: 'OCI_BLOB_MISMATCH' });
  });

  test('of no layout, and of no known transport', async () => {
    expect(() => openLayout(folder.name)).toThrow(expect.objectContaining({ code: 'OCI_LAYOUT' }));
    await expect(importLayout(join(folder.name, 'none'))).rejects.toMatchObject({ code: 'OCI_LAYOUT' });
    const path = join(folder.name, 'other');
    const options = { algorithm: 'sha256', verity: 'off', erofsFormats: { default: 0 } } as const;
    await using repository = await initRepository(path, options);
    await expect(importImage(repository, 'docker://x', { bootable: false })).rejects.toMatchObject({
      code: 'REPOSITORY_FORMAT',
    });
  });
});

test('one of several images is taken by its tag', async () => {
  const { path } = makeLayout({ tags: ['one', 'two', undefined] });
  expect(openLayout(`${path}:two`).layers).toHaveLength(1);
});

test('of an index behind a tag, the first build for this machine is taken', () => {
  const { path } = makeLayout();
  const file = join(path, 'index.json');
  const [own] = JSON.parse(readFileSync(file, 'utf8')).manifests;
  const digest = `sha256:${'0'.repeat(64)}`;
  const other = { ...own, digest, platform: { ...own.platform, os: 'windows' } };
  const index = JSON.stringify({ schemaVersion: 2, manifests: [other, { ...own, annotations: null }, own] });
  const hex = hash('sha256', index, 'hex');
  writeFileSync(join(path, 'blobs/sha256', hex), index);
  const described = { mediaType: 'application/vnd.oci.image.index.v1+json', size: index.length, platform: null };
  const manifests = [{ ...described, digest: `sha256:${hex}` }];
  writeFileSync(file, JSON.stringify({ schemaVersion: 2, manifests }));
  expect(openLayout(path).layers).toHaveLength(1);
});

test('what is null in the documents counts as absent', () => {
  const layer = { mediaType: 'x', digest: 'y', size: 1, annotations: null };
  const manifest = { schemaVersion: 2, mediaType: null, config: layer, layers: [layer], annotations: null };
  expect(parseManifest(Buffer.from(JSON.stringify(manifest))).annotations).toBeUndefined();
  const config = { created: null, architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } };
  expect(parseConfig(Buffer.from(JSON.stringify(config))).created).toBeUndefined();
});
