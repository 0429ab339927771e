import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkRepository } from '../repository/check.ts';
import { initRepository } from '../repository/init-repository.ts';
import type { Repository } from '../repository/repository.ts';
import { makeTar } from '../tar/make-tar.testing.ts';
import { serveBadly } from './bad-connection.testing.ts';
import { importImage } from './import-image.ts';
import { inspectSource } from './inspect-source.ts';
import { makeLayout } from './make-layout.testing.ts';
import { startRegistry, type TestRegistry } from './registry.testing.ts';
import { ociVectors, vectorLayout } from './vector-image.testing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'skopeo-source-' });
const expected = ociVectors.runs['vector/sha256/V1'];
const manifestDigest = ociVectors.tags.vector?.manifest as string;
const credentials = { user: 'bootc', password: 'se cret' };
let registry: TestRegistry;
let name: string;
beforeAll(async () => {
  registry = await startRegistry(join(folder.name, 'registry'));
  name = `${registry.host}/os/vector:1`;
  await push();
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  folder.removeCallback();
});

let repository: Repository;
let count = 0;
beforeEach(async () => {
  const path = join(folder.name, `repository-${count++}`);
  repository = await initRepository(path, { algorithm: 'sha256', verity: 'off', erofsFormats: { default: 1 } });
  return async () => repository[Symbol.asyncDispose]();
});

const copy = (...args: string[]) =>
  run(['skopeo', 'copy', '--quiet', '--dest-tls-verify=false', ...args], { step: 'copy the image' });

const push = () => copy('--preserve-digests', `oci:${vectorLayout}:vector`, `docker://${name}`);

/** Where the registry keeps a blob. */
function blobFile(digest: string): string {
  const hex = digest.replace('sha256:', '');
  return join(folder.name, 'registry/blobs/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
}

test('an image in a registry is looked at, and imported with progress up to a known total', async () => {
  const inspection = await inspectSource(`docker://${name}`, { insecure: true });
  expect(inspection).toMatchObject({ manifestDigest, configDigest: ociVectors.tags.vector?.config, folders: [] });
  expect(inspection.config.rootfs.diff_ids).toEqual(ociVectors.tags.vector?.diffIds);
  const seen: { bytesDone: number; bytesTotal: number; layersDone: number }[] = [];
  const result = await importImage(repository, `docker://${name}`, {
    insecure: true,
    bootable: true,
    onProgress: (progress) => seen.push(progress),
  });
  expect(result.manifestDigest).toBe(manifestDigest);
  expect(result.bootImageIds.get(1)).toBe(expected?.imageBootable);
  expect(new Set(seen.map(({ bytesTotal }) => bytesTotal))).toEqual(new Set([inspection.layersBytes]));
  expect(seen.at(-1)).toMatchObject({ bytesDone: inspection.layersBytes, layersDone: inspection.layers.length });
  expect((await checkRepository(repository)).errors).toEqual([]);
});

test('a manifest of docker’s format stays as it is, and layers that are there are not fetched', async () => {
  const docker = `${registry.host}/os/docker:2`;
  await importImage(repository, `docker://${name}`, { insecure: true, bootable: true });
  await copy('--format=v2s2', `oci:${vectorLayout}:vector`, `docker://${docker}`);
  const inspected = await run(['skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${docker}`], {
    step: 'inspect',
  });
  const { layers } = JSON.parse(inspected.stdout) as { layers: { digest: string }[] };
  for (const { digest } of layers) rmSync(blobFile(digest));
  const result = await importImage(repository, `docker://${docker}`, { insecure: true, bootable: true });
  expect(result.manifestDigest).not.toBe(manifestDigest);
  expect((await inspectSource(`docker://${docker}`, { insecure: true })).manifestDigest).toBe(result.manifestDigest);
  expect(result.counters).toMatchObject({ copied: 0, present: 0 });
  expect(result.bootImageIds.get(1)).toBe(expected?.imageBootable);
  // For the tests that come after.
  await push();
});

test.each(['oci-archive', 'docker-archive', 'dir'])('%s:', async (transport) => {
  const source = `${transport}:${join(folder.name, transport)}${transport === 'dir' ? '' : ':localhost/vector:1'}`;
  const preserve = transport === 'docker-archive' ? [] : ['--preserve-digests'];
  await copy(...preserve, `oci:${vectorLayout}:vector`, source);
  const result = await importImage(repository, source, { bootable: true });
  expect(result.bootImageIds.get(1)).toBe(expected?.imageBootable);
  if (transport !== 'docker-archive') expect(result.manifestDigest).toBe(manifestDigest);
  expect((await inspectSource(source)).manifestDigest).toBe(result.manifestDigest);
});

describe('errors are one line with the name of the image', () => {
  const importFrom = (source: string, options = {}) =>
    importImage(repository, source, { insecure: true, bootable: true, ...options });

  test.each([
    ['no such tag', () => `docker://${registry.host}/os/vector:none`, /manifest unknown/, /name and the tag/],
    ['no registry', () => 'docker://127.0.0.1:1/x', /connection refused/, /network/],
    ['no such file', () => `oci-archive:${folder.name}/none`, /no such file/, /path/],
  ])('%s', async (_, source, message, hint) => {
    const error = await importFrom(source()).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'SOURCE_UNREADABLE', hint: expect.stringMatching(hint) });
    expect(error.message).toMatch(message);
    expect(error.message.startsWith(`${source()}: `)).toBe(true);
    expect(error.message).not.toContain('\n');
  });

  test('a registry that wants a login, with and without one', async () => {
    await using closed = await startRegistry(join(folder.name, 'closed'), { [credentials.user]: credentials.password });
    const login = `${credentials.user}:${credentials.password}`;
    const there = `${closed.host}/os:1`;
    await copy('--preserve-digests', '--dest-creds', login, `oci:${vectorLayout}:vector`, `docker://${there}`);
    await expect(importFrom(`docker://${there}`)).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
      hint: expect.stringContaining('log in'),
    });
    const authFile = join(folder.name, 'auth.json');
    const auth = Buffer.from(login).toString('base64');
    writeFileSync(authFile, JSON.stringify({ auths: { [closed.host]: { auth } } }));
    const result = await importFrom(`docker://${there}`, { authFile });
    expect(result.manifestDigest).toBe(manifestDigest);
  });

  test('a blob that is cut, and one that is another', async () => {
    const { manifest } = await inspectSource(`docker://${name}`, { insecure: true });
    const last = manifest.layers.at(-1) as { digest: string };
    truncateSync(blobFile(last.digest), 50);
    await expect(importFrom(`docker://${name}`)).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' });
    writeFileSync(blobFile(last.digest), 'another');
    await expect(importFrom(`docker://${name}`)).rejects.toThrow(name);
    expect((await checkRepository(repository)).errors).toEqual([]);
    rmSync(blobFile(last.digest));
    await push();
  });

  test('a connection that is cut again and again', async () => {
    await using bad = await serveBadly(registry.host, { after: { bytes: 300, end: 'cut' } });
    const source = `docker://${bad.host}/os/vector:1`;
    await expect(importFrom(source)).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' });
    expect(bad.badCount()).toBeGreaterThan(0);
  });

  test('a layer that is wrong, while another one does not come', { timeout: 30_000 }, async () => {
    const large = makeTar([{ name: 'x', type: 'file', content: randomBytes(3_000_000) }]);
    const layout = makeLayout(join(folder.name, 'stalled'), [large, Buffer.alloc(2000, 7)]);
    await copy(`oci:${layout}`, `docker://${registry.host}/os/stalled:1`);
    await using bad = await serveBadly(registry.host, { after: { bytes: 1_000_000, end: 'stall' } });
    await expect(importFrom(`docker://${bad.host}/os/stalled:1`)).rejects.toMatchObject({ code: 'TAR_INVALID' });
    expect(bad.badCount()).toBe(1);
  });

  test('called off while a registry does not answer', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('called off')), 300);
    await expect(importFrom(`docker://127.0.0.1:${port}/x`, { signal: abort.signal })).rejects.toThrow('called off');
    server.close();
  });
});
