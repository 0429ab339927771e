import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { OciManifest } from '@workbench/composefs';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { type DeploymentPaths, deploymentPaths } from '../deployment/state-paths.ts';
import { type DeploymentImage, readDeploymentImage } from './deployment-image.ts';
import type { StoredImage } from './image-store.ts';
import { mockImageStore } from './mock-installation.ts';

const folder = dirSync({ unsafeCleanup: true });
afterAll(() => folder.removeCallback());
const deploymentId = 'a'.repeat(128);
const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;

let paths: DeploymentPaths;
beforeEach(() => {
  paths = deploymentPaths(folder.name, deploymentId);
  rmSync(paths.directory, { recursive: true, force: true });
  mkdirSync(paths.directory, { recursive: true });
});

function imageOf(configDigest: string, annotations?: Record<string, string>): StoredImage {
  const manifest: OciManifest = {
    schemaVersion: 2,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: configDigest, size: 2 },
    layers: [],
    ...(annotations === undefined ? {} : { annotations }),
  };
  return { manifest, config: { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } } };
}

const sha256 = (manifest: OciManifest): string =>
  `sha256:${createHash('sha256').update(JSON.stringify(manifest)).digest('hex')}`;

const read = (store: Parameters<typeof mockImageStore>[0]): Promise<DeploymentImage> =>
  readDeploymentImage(paths, { bootType: 'bls' }, mockImageStore(store));

test('without anything stored, the digest is that of the manifest in the sidecar file, whatever the order of annotations', async () => {
  const sorted = imageOf(digestOf('c'), { a: '1', b: '2' });
  const other = imageOf(digestOf('c'), { b: '2', a: '1' });
  for (const { manifest, config } of [sorted, other]) {
    writeFileSync(paths.legacyImageInfo, JSON.stringify({ config, manifest }));
    expect(await read({})).toMatchObject({ manifestDigest: sha256(sorted.manifest), isStored: false });
  }
});

test('a stored image with the same configuration is it, first of all the one with the same manifest', async () => {
  const image = imageOf(digestOf('c'), { a: '1' });
  writeFileSync(paths.legacyImageInfo, JSON.stringify(image));
  const packedAnew = { ...image, manifest: { ...image.manifest, annotations: { a: '2' } } };
  const images = { [digestOf('1')]: packedAnew, [digestOf('2')]: imageOf(digestOf('d')) };
  const tags = { other: digestOf('2'), packed: digestOf('1') };
  expect(await read({ images, tags })).toMatchObject({ manifestDigest: digestOf('1'), isStored: true });
  const own = sha256(image.manifest);
  expect(await read({ images: { ...images, [own]: image }, tags: { ...tags, own } })).toMatchObject({
    manifestDigest: own,
    isStored: true,
  });
  // What no tag keeps may be gone at the next garbage collection.
  expect(await read({ images })).toMatchObject({ manifestDigest: own, isStored: false });
});

test.each([
  ['IMAGE_INFO_MISSING', undefined],
  ['IMAGE_INFO_INVALID', '{"config":'],
  ['IMAGE_INFO_INVALID', '{"config":{},"manifest":null}'],
])('%s: the image that the deployment boots tells, where only one is made of it', async (code, text) => {
  if (text !== undefined) writeFileSync(paths.legacyImageInfo, text);
  await expect(read({})).rejects.toMatchObject({ code });
  const [one, two, three] = ['1', '2', '3'].map(digestOf) as [string, string, string];
  const images = { [one]: imageOf(digestOf('c')), [two]: imageOf(digestOf('d')), [three]: imageOf(digestOf('e')) };
  const bootImageIds = { [one]: ['b'.repeat(128)], [two]: ['c'.repeat(128), deploymentId], [three]: [deploymentId] };
  const tags = { first: one, second: two, 'second:again': two };
  expect(await read({ images, bootImageIds, tags })).toMatchObject({ manifestDigest: two, isStored: true });
  await expect(read({ images, bootImageIds, tags: { first: one } })).rejects.toMatchObject({ code });
  await expect(read({ images, bootImageIds, tags: { ...tags, three } })).rejects.toMatchObject({ code });
});

test('with a digest in the origin, that image it is, and no other', async () => {
  const image = imageOf(digestOf('c'));
  writeFileSync(paths.legacyImageInfo, JSON.stringify(image));
  const origin = { bootType: 'bls', manifestDigest: digestOf('9') };
  await expect(readDeploymentImage(paths, origin, mockImageStore({}))).rejects.toThrow('is not in the repository');
  const store = mockImageStore({ images: { [digestOf('9')]: image } });
  const found = await readDeploymentImage(paths, origin, store);
  expect(found).toMatchObject({ manifestDigest: digestOf('9'), isStored: true });
});
