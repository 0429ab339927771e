import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkRepository, importImage, initRepository, openRepository, type Repository } from '@workbench/composefs';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  allowPlainRegistries,
  pushLayout,
  startRegistry,
  type TestRegistry,
} from '../../../composefs/src/oci/registry.testing.ts';
import type { ImageReference } from '../deployment/image-reference.ts';
import type { DeploymentRecord } from '../storage/root-model.ts';
import { type AcquireOptions, acquireImage, isUnified, locateImage } from './acquire-image.ts';
import { openContainerStorage } from './container-storage.ts';
import { copyToDefaultStorage, manifestOf } from './copy-to-storage.ts';
import { bootableFolders, makeLayout } from './make-image.testing.ts';
import { readManagedImages } from './managed-images.ts';
import { runPodman } from './podman.ts';
import { pruneContainerStorage, readBoundImagesOf } from './prune-storage.ts';
import { storeBoundImages } from './store-bound-images.ts';
import { storeImage } from './store-image.ts';
import { listStoredImages } from './stored-images.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'acquire-' }).name;
const environment = { ...process.env };
let registry: TestRegistry;
let layout: string;
let rootCount = 0;

beforeAll(async () => {
  allowPlainRegistries(folder);
  // The host's storage of this test, which podman and skopeo take for that of the machine.
  const storageConfiguration = join(folder, 'storage.conf');
  writeFileSync(
    storageConfiguration,
    `[storage]\ndriver = "overlay"\ngraphroot = "${join(folder, 'host')}"\nrunroot = "${join(folder, 'host-run')}"\n`,
  );
  process.env.CONTAINERS_STORAGE_CONF = storageConfiguration;
  const engine = join(folder, 'containers.conf');
  writeFileSync(engine, '[engine]\ncgroup_manager = "cgroupfs"\nruntime = "runc"\n');
  process.env.CONTAINERS_CONF = engine;
  registry = await startRegistry(join(folder, 'registry'));
  layout = await makeLayout(join(folder, 'layout'), [
    bootableFolders,
    { 'usr/share/large': randomBytes(500_000), 'usr/share/other': randomBytes(100_000) },
  ]);
  await pushLayout(layout, `${registry.host}/os:1`);
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  Object.assign(process.env, environment);
  for (const name of ['CONTAINERS_STORAGE_CONF', 'CONTAINERS_CONF']) delete process.env[name];
  await run(['umount', '--recursive', '--lazy', join(folder, 'host/overlay')], {
    step: 'release the storage of the host',
    okExitCodes: [0, 1, 32],
  });
  await run(['rm', '-rf', folder], { step: 'remove the folder' });
});

interface TestRoot {
  root: string;
  acquire(reference: ImageReference, options?: Partial<AcquireOptions>): ReturnType<typeof acquireImage>;
  warnings: string[];
  open(): Promise<Repository>;
}

async function makeRoot(): Promise<TestRoot> {
  const root = join(folder, `root-${rootCount++}`);
  mkdirSync(root, { recursive: true });
  const repository = await initRepository(join(root, 'composefs'), {
    algorithm: 'sha512',
    verity: 'if-supported',
    erofsFormats: { default: 1, extra: [2] },
  });
  await repository[Symbol.asyncDispose]();
  const warnings: string[] = [];
  return {
    root,
    warnings,
    acquire: (reference, options) =>
      acquireImage({
        root: folder,
        physicalRoot: root,
        reference,
        isUnifiedRequested: false,
        warn: (line) => warnings.push(line),
        ...options,
      }),
    open: () => openRepository(join(root, 'composefs')),
  };
}

async function importAcquired(test: TestRoot, acquired: Awaited<ReturnType<typeof acquireImage>>) {
  await using repository = await test.open();
  const imported = await importImage(repository, acquired.source, {
    bootable: true,
    ...acquired.options,
  });
  return { id: imported.bootImageIds.get(repository.erofsFormats.default)!, ...imported };
}

test('unified only when asked for, and from then on', async () => {
  const test = await makeRoot();
  const first: ImageReference = { transport: 'registry', image: `${registry.host}/os:1` };
  const second: ImageReference = { transport: 'oci', image: layout };
  expect(await test.acquire(first)).toMatchObject({ source: `docker://${first.image}` });
  expect(openContainerStorage(test.root)).toBeUndefined();

  const unified = await test.acquire(first, { isUnifiedRequested: true });
  expect(unified).toMatchObject({
    unified: { image: { name: first.image } },
    source: expect.stringMatching(/^containers-storage:[0-9a-f]{64}$/),
  });
  // An upgrade of it, and a switch from it to another one.
  expect(await test.acquire(first, { current: first })).toHaveProperty('unified');
  expect(await test.acquire(second, { current: first })).toHaveProperty('unified');
  // Between images that are not there.
  const third: ImageReference = { transport: 'registry', image: `${registry.host}/else:1` };
  expect(await test.acquire(third, { current: third })).not.toHaveProperty('unified');
  // An image of a layout is known by its place.
  expect(await test.acquire(second)).toHaveProperty('unified');

  process.env.BOOTC_EXP_EXTERNAL_CONTAINER_TOOL = '/no/podman';
  try {
    expect(await test.acquire(first, { current: first })).not.toHaveProperty('unified');
    expect(test.warnings).toEqual([expect.stringContaining('imported without it')]);
    await expect(test.acquire(first, { isUnifiedRequested: true })).rejects.toMatchObject({ code: 'PODMAN_MISSING' });
  } finally {
    delete process.env.BOOTC_EXP_EXTERNAL_CONTAINER_TOOL;
  }
});

test('the import shares content with podman, and is the same as the direct one; pruning cannot hurt it', async () => {
  const test = await makeRoot();
  const acquired = await test.acquire(
    { transport: 'registry', image: `${registry.host}/os:1` },
    { isUnifiedRequested: true },
  );
  const imported = await importAcquired(test, acquired);
  expect(imported.counters).toMatchObject({ copied: 0 });
  expect(imported.counters.hardlinked + imported.counters.reflinked).toBe(2);
  const direct = await makeRoot();
  const plain = await importAcquired(direct, { source: `oci:${layout}`, options: {} });
  expect(plain).toMatchObject({ id: imported.id, manifestDigest: imported.manifestDigest });

  const storage = openContainerStorage(test.root)!;
  await runPodman(storage.path, ['image', 'prune', '--all', '--force'], { step: 'prune' });
  expect(await listStoredImages(storage.path)).toEqual([]);
  await using repository = await test.open();
  expect(await checkRepository(repository)).toMatchObject({ ok: true });
});

test('an image of the storage of the host is taken from there, one that was made in ours is not', async () => {
  const test = await makeRoot();
  const context = join(folder, 'context');
  mkdirSync(context, { recursive: true });
  writeFileSync(join(context, 'Containerfile'), 'FROM scratch\nCOPY Containerfile /usr/x\n');
  await run(['podman', 'build', '--isolation=chroot', '--tag', 'localhost/made', context], {
    step: 'build on the host',
  });
  const reference: ImageReference = { transport: 'containers-storage', image: 'localhost/made' };
  const followed: ImageReference = { transport: 'registry', image: 'q.io/followed:1' };
  await test.acquire(reference, { isUnifiedRequested: true, storedAs: followed });
  expect(await isUnified({ physicalRoot: test.root, reference: followed })).toBe(true);
  const fromHost = await test.acquire(reference, { isUnifiedRequested: true });
  const storage = openContainerStorage(test.root)!;
  const names = (await listStoredImages(storage.path)).flatMap((image) => image.names);
  expect(names.toSorted()).toEqual(['localhost/made:latest', 'q.io/followed:1']);

  writeFileSync(join(context, 'Containerfile'), 'FROM localhost/made\nCOPY Containerfile /usr/y\n');
  const build = ['build', '--isolation=chroot', '--tag', 'localhost/made', context];
  await runPodman(storage.path, build, { step: 'build in the storage of bootc' });
  const fromOurs = await test.acquire(reference);
  expect(fromOurs).toHaveProperty('unified');
  const { source } = await locateImage({ root: folder, physicalRoot: test.root, reference });
  expect(source).toBe(fromOurs.source);
  expect(fromOurs.source).not.toBe(fromHost.source);
});

test('pruning keeps what is followed, what is bound and what a person pulled; the rest goes', async () => {
  const test = await makeRoot();
  const name = (image: string) => `${registry.host}/${image}`;
  for (const app of ['bound', 'once-bound', 'by-hand']) {
    const files = { [`usr/${app}`]: randomBytes(1000) };
    await pushLayout(await makeLayout(join(folder, app), [files]), name(`${app}:1`));
  }
  const followed: ImageReference = { transport: 'registry', image: name('binding') };
  const unit = (image: string) => ({ 'usr/lib/bootc/bound-images.d/app.image': `[Image]\nImage=${image}\n` });
  const publish = async (image: string, version: string): Promise<void> => {
    const files = { ...unit(image), 'usr/version': version };
    await pushLayout(await makeLayout(join(folder, `binding-${version}`), [bootableFolders, files]), name('binding'));
  };
  const deploy = async (): Promise<DeploymentRecord> => {
    const { id } = await importAcquired(test, await test.acquire(followed, { isUnifiedRequested: true }));
    await using repository = await test.open();
    const images = await readBoundImagesOf(repository, id);
    await storeBoundImages({
      root: folder,
      physicalRoot: test.root,
      images,
      from: 'registry',
      print: () => undefined,
      warn: () => undefined,
    });
    return { id, entries: [], hasState: true, reference: { ...followed, signature: 'unverified' }, problems: [] };
  };
  const prune = async (...deployments: DeploymentRecord[]): Promise<string[]> => {
    await using repository = await test.open();
    return await pruneContainerStorage({ physicalRoot: test.root, repository, deployments, warn: () => undefined });
  };

  await publish(name('once-bound:1'), '1');
  const before = await deploy();
  const storage = openContainerStorage(test.root)!;
  const [first] = await listStoredImages(storage.path);
  await storeImage(storage, { transport: 'registry', image: name('by-hand:1') }, { root: folder, owner: 'person' });
  await publish(name('bound:1'), '2');
  const after = await deploy();

  // As long as the one before can be booted, what it binds stays; the image it came from is in the repository.
  expect(await prune(before, after)).toEqual([first!.id]);
  expect(await prune(before, after)).toEqual([]);
  expect(await prune(after)).toEqual([name('once-bound:1')]);
  const left = (await listStoredImages(storage.path)).flatMap(({ names }) => names);
  expect(left.toSorted()).toEqual([name('binding:latest'), name('bound:1'), name('by-hand:1')].toSorted());
  expect([...(await readManagedImages(storage)).keys()].toSorted()).toEqual(
    [name('binding:latest'), name('bound:1')].toSorted(),
  );
  // Nothing is removed by a deployment that does not tell what it follows.
  expect(await prune({ id: after.id, entries: [], hasState: true, problems: [] })).toEqual([]);
});

test('bound images of an installation come from the storage of the host, or it is said what to do', async () => {
  const test = await makeRoot();
  const bound = { image: 'localhost/bound-app', fileName: 'app.image' };
  const store = () =>
    storeBoundImages({
      root: folder,
      physicalRoot: test.root,
      images: [bound],
      from: 'host',
      print: () => undefined,
      warn: () => undefined,
    });
  await expect(store()).rejects.toMatchObject({
    code: 'BOUND_IMAGE_NOT_STORED',
    hint: expect.stringContaining('--bound-images'),
  });
  await run(
    [
      'skopeo',
      'copy',
      '--quiet',
      `oci:${layout}`,
      `containers-storage:[overlay@${join(folder, 'host')}+${join(folder, 'host-run')}]localhost/bound-app:latest`,
    ],
    { step: 'store on the host' },
  );
  await store();
  const storage = openContainerStorage(test.root)!;
  expect(await listStoredImages(storage.path)).toMatchObject([{ names: ['localhost/bound-app:latest'] }]);
  const link = await lstat(join(test.root, 'ostree/bootc'));
  expect(link.isSymbolicLink()).toBe(true);
});

test('a deployed image that is exported to the host keeps its id, and boots as the same deployment', async () => {
  const test = await makeRoot();
  const imported = await importAcquired(test, { source: `oci:${layout}`, options: {} });
  const deployment = { entries: [], hasState: true, problems: [] };
  const reference = { transport: 'registry', image: 'q.io/os:1', signature: 'unverified' } as const;
  const { manifestDigest } = imported;
  const deployments: DeploymentRecord[] = [
    { ...deployment, id: 'booted', reference, origin: { manifestDigest: 'sha256:0' } },
    { ...deployment, id: 'other', reference: { ...reference, image: 'q.io/os:2' }, origin: { manifestDigest } },
  ];
  expect(manifestOf(deployments, 'booted', undefined)).toBe('sha256:0');
  expect(() => manifestOf(deployments, 'booted', 'q.io/x')).toThrow('Image q.io/x not found');
  const chosen = manifestOf(deployments, 'booted', 'q.io/os:2');
  {
    await using repository = await test.open();
    await copyToDefaultStorage(repository, { manifestDigest: chosen, target: 'localhost/exported' });
  }
  const back = await importAcquired(await makeRoot(), {
    source: 'containers-storage:localhost/exported',
    options: { storageRoots: [join(folder, 'host')] },
  });
  expect(back).toMatchObject({ id: imported.id, configDigest: imported.configDigest });
});
