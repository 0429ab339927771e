import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { observeMutations } from '../../../composefs/src/durable/seam.ts';
import { stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { computeBootDigest } from '../boot/boot-digest.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import type { StoredImage } from '../storage/image-store.ts';
import { type MockInstallation, makeFixtureInstallation, mockImageStore } from '../storage/mock-installation.ts';
import { makePe } from '../uki/make-pe.testing.ts';
import { completeImageRecords, describeImageRecords, planImageRecords } from './image-records.ts';
import { bootedId, makeLegacyInstallation } from './legacy-installation.testing.ts';

const fixture = new URL('../../fixtures/peer-old-3-switched', import.meta.url).pathname;
const legacyId =
  '9382c6dc04abe8759417965806fea7d9b5e3c5c7cea1301ddf8162634e0e61a2bb59c22abdab35ff8057b911c61a2ab1d9ba3e8d6fbda172dd86413ce9e979ba';
const digest = `sha256:${'5'.repeat(64)}`;

function imageInfo(): StoredImage {
  const folder = join(fixture, 'files/sysroot/state/deploy', legacyId);
  return JSON.parse(readFileSync(join(folder, `${legacyId}.imginfo`), 'utf8'));
}

function install(images: Record<string, StoredImage>): MockInstallation {
  const tags = Object.fromEntries(Object.keys(images).map((key) => [`registry.example/os:${key.slice(-3)}`, key]));
  const mock = makeFixtureInstallation(fixture, mockImageStore({ images, tags }));
  onTestFinished(() => rmSync(mock.directory, { recursive: true, force: true }));
  return mock;
}

const originOf = (mock: MockInstallation): string =>
  readFileSync(deploymentPaths(mock.physicalRoot, legacyId).origin, 'utf8');

test('the image with the same configuration is recorded, and the sidecar file stays', async () => {
  const mock = install({ [digest]: imageInfo() });
  const before = originOf(mock);
  const changes = await planImageRecords(mock);
  expect(describeImageRecords(changes)).toEqual([`record ${digest} as the image of deployment ${legacyId}`]);
  const tags: string[][] = [];
  await completeImageRecords(mock, changes, async (...tag) => void tags.push(tag));
  expect(tags).toEqual([[`localhost/bootc-${digest}`, digest]]);
  expect(originOf(mock)).toBe(`${before}\n[image]\nmanifest_digest = ${digest}\n`);
  expect(readFileSync(deploymentPaths(mock.physicalRoot, legacyId).legacyImageInfo, 'utf8')).not.toBe('');
  expect(await planImageRecords(mock)).toEqual([]);
});

test('an image of another configuration proves nothing, and none is looked for elsewhere', async () => {
  const image = imageInfo();
  const config = { ...image.manifest.config, digest: `sha256:${'6'.repeat(64)}` };
  const mock = install({ [digest]: { ...image, manifest: { ...image.manifest, config } } });
  expect(await planImageRecords(mock)).toEqual([]);
  expect(await planImageRecords(install({}))).toEqual([]);
});

test('a sidecar file that is damaged changes nothing', async () => {
  const mock = install({ [digest]: imageInfo() });
  writeFileSync(deploymentPaths(mock.physicalRoot, legacyId).legacyImageInfo, '{"config":');
  expect(await planImageRecords(mock)).toEqual([]);
});

test('without a sidecar file, it is the image that the deployment boots and that was made of it', async () => {
  const mock = install({ [digest]: imageInfo() });
  rmSync(deploymentPaths(mock.physicalRoot, legacyId).legacyImageInfo);
  expect(await planImageRecords(mock)).toEqual([]);
  const bootImageIds = { [digest]: [legacyId] };
  const images = mockImageStore({ images: { [digest]: imageInfo() }, tags: { 'localhost/os': digest }, bootImageIds });
  expect(describeImageRecords(await planImageRecords({ ...mock, images }))).toEqual([
    `record ${digest} as the image of deployment ${legacyId}`,
  ]);
});

test('an origin file that is torn is left alone', async () => {
  const mock = install({ [digest]: imageInfo() });
  writeFileSync(deploymentPaths(mock.physicalRoot, legacyId).origin, '[origin]\ncontainer-image-ref');
  expect(await planImageRecords(mock)).toEqual([]);
});

test('wherever it is stopped, the record is the old one or the whole new one', async () => {
  const before = originOf(install({}));
  let mock = install({});
  const run = async (): Promise<void> =>
    completeImageRecords(mock, await planImageRecords(mock), async () => undefined);
  const stops = await stopAtEveryMutation({
    prepare: () => {
      mock = install({ [digest]: imageInfo() });
    },
    act: run,
    async afterStop() {
      expect([before, `${before}\n[image]\nmanifest_digest = ${digest}\n`]).toContain(originOf(mock));
      await run();
      expect(originOf(mock)).toContain(digest);
    },
  });
  expect(stops).toEqual(['create', 'write', 'fsync', 'rename', 'fsync']);
});

test('the boot digest of a unified kernel image is computed where the record lacks it', async () => {
  const mock = makeLegacyInstallation('systemd-uki', [{ deploymentId: bootedId, artifact: bootedId }]);
  onTestFinished(() => rmSync(mock.directory, { recursive: true, force: true }));
  const kernel = Buffer.alloc(512, 'k');
  const initrd = Buffer.alloc(1024, 'i');
  const image = makePe([
    ['.osrel', 'ID=debian\n'],
    ['.cmdline', `composefs=${bootedId}`],
    ['.linux', kernel],
    ['.initrd', initrd],
  ]);
  writeFileSync(join(mock.boot.espDirectory, 'EFI/Linux/bootc', `${bootedId}.efi`), image);
  const { directory, origin } = deploymentPaths(mock.physicalRoot, bootedId);
  mkdirSync(directory, { recursive: true });
  writeFileSync(origin, '[boot]\nboot_type = uki\n');
  await completeImageRecords(mock, await planImageRecords(mock), async () => undefined);
  expect(readFileSync(origin, 'utf8')).toBe(
    `[boot]\nboot_type = uki\ndigest = ${await computeBootDigest([kernel], [initrd])}\n`,
  );
  using _ = observeMutations(({ name }) => expect.fail(name));
  await completeImageRecords(mock, await planImageRecords(mock), async () => undefined);
});
