import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveBadly } from '../../../composefs/src/oci/bad-connection.testing.ts';
import {
  allowPlainRegistries,
  pushLayout,
  startRegistry,
  type TestRegistry,
} from '../../../composefs/src/oci/registry.testing.ts';
import { type ContainerStorage, createContainerStorage } from './container-storage.ts';
import { fetchLayers } from './fetch-layers.ts';
import { makeLayout } from './make-image.testing.ts';
import { type PullOptions, pullImage } from './pull-image.ts';
import type { PullProgress } from './pull-progress.ts';
import { findStoredImage, listStoredImages } from './stored-images.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'pull-' }).name;
const layerCount = 20;
const layerBytes = 300_000;
let registry: TestRegistry;
let privateRegistry: TestRegistry;
let storageCount = 0;

beforeAll(async () => {
  allowPlainRegistries(folder);
  registry = await startRegistry(join(folder, 'registry'));
  privateRegistry = await startRegistry(join(folder, 'private'), { someone: 'secret' });
  const layers = Array.from({ length: layerCount }, (_, i) => ({ [`usr/layer-${i}`]: randomBytes(layerBytes) }));
  const layout = await makeLayout(join(folder, 'layout'), layers);
  await pushLayout(layout, `${registry.host}/many:1`);
  await pushLayout(layout, `${privateRegistry.host}/many:1`, 'someone:secret');
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await privateRegistry?.[Symbol.asyncDispose]();
});

/** An empty storage of its own. */
async function makeStorage(): Promise<{ root: string; storage: ContainerStorage }> {
  const root = join(folder, `root-${storageCount++}`);
  mkdirSync(join(root, 'composefs'), { recursive: true });
  return { root, storage: await createContainerStorage(root, { warn: () => undefined }) };
}

const socketFolders = (): string[] => readdirSync('/run/bootc').filter((name) => /^podman-\d+-/.test(name));
/** As a program leaves it that is killed in the middle of a pull. */
const leaveSocketFolder = (): void => {
  const { pid } = spawnSync('true');
  mkdirSync(`/run/bootc/podman-${pid}-left`, { recursive: true });
};

/** Neither a socket, nor a service, nor a blob is left. */
function expectNothingLeft(storage: ContainerStorage): void {
  expect(socketFolders()).toEqual([]);
  for (const folder of [storage.bootcDirectory, '/run/bootc']) {
    for (const name of readdirSync(folder).filter((entry) => /^pull.*\.tmp$/.test(entry))) {
      expect(readdirSync(join(folder, name))).toEqual([]);
    }
  }
  expect(servicePids()).toEqual([]);
}

async function failureOf(storage: ContainerStorage, name: string, options: Partial<PullOptions>): Promise<unknown> {
  leaveSocketFolder();
  const failure = await pullImage(storage, name, { root: folder, pausesMs: [], ...options }).catch(
    (error: unknown) => error,
  );
  expectNothingLeft(storage);
  expect(await listStoredImages(storage.path)).toEqual([]);
  return failure;
}

test('twenty layers are pulled, and progress rises to totals that the manifest gave', async () => {
  const { root, storage } = await makeStorage();
  const slow = await serveBadly(registry.host, { bytesPerSecond: 1_500_000 });
  await using _slow = slow;
  const name = `${slow.host}/many:1`;
  const layers = await fetchLayers(name, { root: folder });
  expect(layers).toHaveLength(layerCount);
  const progress: PullProgress[] = [];
  const id = await pullImage(storage, name, { root: folder, layers, onProgress: (now) => progress.push(now) });
  expect(await findStoredImage(storage.path, { transport: 'registry', image: name })).toMatchObject({ id, name });

  const total = layers!.reduce((sum, { size }) => sum + size, 0);
  expect(new Set(progress.map(({ bytesTotal }) => bytesTotal))).toEqual(new Set([total]));
  const done = progress.map(({ bytesDone }) => bytesDone);
  expect(done).toEqual(done.toSorted((a, b) => a - b));
  expect(done.filter((bytes) => bytes > 0 && bytes < total).length).toBeGreaterThan(1);
  expect(progress.at(-1)).toMatchObject({ bytesDone: total });
  expect(progress.at(-1)!.blobs.filter(({ state }) => state === 'done').length).toBeGreaterThanOrEqual(layerCount);
  expectNothingLeft(storage);

  // Again: all layers are there.
  const again: PullProgress[] = [];
  await pullImage(storage, name, { root: folder, layers, onProgress: (now) => again.push(now) });
  expect(again[0]).toMatchObject({ bytesCached: total, bytesDone: total });
  expect(existsSync(join(root, 'ostree/bootc/storage/overlay-images/images.json'))).toBe(true);
});

test('credentials are those of the machine; without them it is said where they go', async () => {
  const { storage } = await makeStorage();
  const name = `${privateRegistry.host}/many:1`;
  expect(await failureOf(storage, name, {})).toMatchObject({
    code: 'PULL_FAILED',
    message: expect.stringMatching(/authentication required|unauthorized/),
    hint: expect.stringContaining('/etc/ostree/auth.json'),
  });
  const root = join(folder, 'with-login');
  mkdirSync(join(root, 'etc/ostree'), { recursive: true });
  const auth = Buffer.from('someone:secret').toString('base64');
  writeFileSync(join(root, 'etc/ostree/auth.json'), JSON.stringify({ auths: { [privateRegistry.host]: { auth } } }));
  expect(await fetchLayers(name, { root })).toHaveLength(layerCount);
  expect(await pullImage(storage, name, { root, pausesMs: [] })).toMatch(/^[0-9a-f]{64}$/);
});

test('an image that is not there is told as podman tells it', async () => {
  const { storage } = await makeStorage();
  expect(await failureOf(storage, `${registry.host}/missing:1`, {})).toMatchObject({
    code: 'PULL_FAILED',
    message: expect.stringContaining('manifest unknown'),
    hint: 'check the name and the tag of the image',
  });
  expect(await failureOf(storage, `${registry.host}/Not A Name`, {})).toMatchObject({ code: 'PULL_FAILED' });
});

test('a registry that stands still is given up', async () => {
  const { storage } = await makeStorage();
  await using stalling = await serveBadly(registry.host, { after: { bytes: 100_000, end: 'stall' } });
  const failure = await failureOf(storage, `${stalling.host}/many:1`, { stallTimeoutMs: 1500 });
  expect(failure).toMatchObject({
    code: 'PULL_STALLED',
    message: expect.stringContaining('has stood still for 1.5 s'),
  });
});

test('blobs that are cut off are pulled again until they are whole', async () => {
  const { storage } = await makeStorage();
  await using cutting = await serveBadly(registry.host, { after: { bytes: 100_000, end: 'cut' }, times: 8 });
  const name = `${cutting.host}/many:1`;
  const retries: string[] = [];
  await pullImage(storage, name, { root: folder, pausesMs: [10, 10, 10, 10], onRetry: (line) => retries.push(line) });
  expect(cutting.badCount()).toBe(8);
  expect(await findStoredImage(storage.path, { transport: 'registry', image: name })).toBeDefined();
  expectNothingLeft(storage);
});

test('a registry that always cuts off ends in an error of what was tried', async () => {
  const { storage } = await makeStorage();
  await using cutting = await serveBadly(registry.host, { after: { bytes: 0, end: 'cut' } });
  const retries: string[] = [];
  const failure = await failureOf(storage, `${cutting.host}/many:1`, {
    pausesMs: [10],
    onRetry: (line) => retries.push(line),
  });
  expect(failure).toMatchObject({ code: 'PULL_FAILED', hint: expect.stringContaining('network') });
  expect(retries).toEqual([expect.stringMatching(/trying again in 0.01 s$/)]);
});

test('a service that dies is told with the way it died', async () => {
  const { storage } = await makeStorage();
  await using slow = await serveBadly(registry.host, { bytesPerSecond: 100_000 });
  const failure = await failureOf(storage, `${slow.host}/many:1`, {
    onProgress: () => {
      for (const pid of servicePids()) process.kill(pid, 'SIGKILL');
    },
  });
  expect(failure).toMatchObject({ code: 'PODMAN_SERVICE_DIED', message: expect.stringContaining('SIGKILL') });
});

test('cancelling stops the pull at once', async () => {
  const { storage } = await makeStorage();
  await using slow = await serveBadly(registry.host, { bytesPerSecond: 50_000 });
  const cancel = new AbortController();
  const reason = new Error('not any more');
  const startedAt = performance.now();
  const failure = await failureOf(storage, `${slow.host}/many:1`, {
    pausesMs: [60_000],
    signal: cancel.signal,
    onProgress: ({ blobs }) => blobs.length > 0 && cancel.abort(reason),
  });
  expect(failure).toBe(reason);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

test('without podman it is said what is missing', async () => {
  const { storage } = await makeStorage();
  process.env.BOOTC_EXP_EXTERNAL_CONTAINER_TOOL = '/no/podman';
  try {
    expect(await failureOf(storage, `${registry.host}/many:1`, {})).toMatchObject({ code: 'PODMAN_MISSING' });
  } finally {
    delete process.env.BOOTC_EXP_EXTERNAL_CONTAINER_TOOL;
  }
});

function servicePids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('unix:///run/bootc/podman-');
      } catch {
        return false;
      }
    })
    .map(Number);
}
