import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkRepository } from '../repository/check.ts';
import { initRepository } from '../repository/init-repository.ts';
import { linkedDigest, listLinks } from '../repository/links.ts';
import type { Repository } from '../repository/repository.ts';
import { openStreamObject, readMergedStream } from '../repository/streams.ts';
import { makeTar } from '../tar/make-tar.testing.ts';
import { checkImages } from './check-images.ts';
import { importImage } from './import-image.ts';
import { makeLayout, skeleton } from './make-layout.testing.ts';
import { contentTypes } from './names.ts';
import { startRegistry, type TestRegistry } from './registry.testing.ts';
import { listTags } from './tags.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'skopeo-killed-' });
const layout = join(folder.name, 'layout');
const layerPrefix = 'oci-layer-';
let registry: TestRegistry;
let expected: Awaited<ReturnType<typeof importImage>>;

// More than the pipes between skopeo and this process hold, so that it is killed in the middle of a layer.
beforeAll(async () => {
  const file = (name: string) => ({ name, type: 'file', content: randomBytes(3_000_000).toString('latin1') }) as const;
  const layers = [[...skeleton, file('usr/one')], [file('usr/two')], [file('usr/three')]];
  makeLayout(layout, layers.map(makeTar));
  registry = await startRegistry(join(folder.name, 'registry'));
  await using repository = await makeRepository('expected');
  expected = await importImage(repository, `oci:${layout}`, { bootable: true });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  folder.removeCallback();
});

const makeRepository = (name: string) =>
  initRepository(join(folder.name, name), { algorithm: 'sha256', verity: 'off', erofsFormats: { default: 1 } });

/** Kills every skopeo that this process started. */
function killSkopeo(): void {
  const threads = readdirSync('/proc/self/task');
  const children = threads.flatMap((thread) => readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' '));
  for (const child of children.filter((pid) => pid !== '')) {
    if (readFileSync(`/proc/${child}/comm`, 'utf8') === 'skopeo\n') process.kill(Number(child), 'SIGKILL');
  }
}

/** Everything that has a name is what the name says. @returns the diff ids of the layers. */
async function readNamedLayers(repository: Repository): Promise<string[]> {
  expect((await checkRepository(repository)).errors).toEqual([]);
  expect((await checkImages(repository)).errors).toEqual([]);
  const layers = listLinks(repository, 'streams').filter(({ name }) => name.startsWith(layerPrefix));
  for (const { name } of layers) {
    const digest = linkedDigest(repository, 'streams', name) as string;
    const stream = await openStreamObject(repository, digest, contentTypes.layer);
    const archive = await readMergedStream(repository, stream);
    expect(`${layerPrefix}sha256:${createHash('sha256').update(archive).digest('hex')}`).toBe(name);
  }
  return layers.map(({ name }) => name.slice(layerPrefix.length));
}

const sources = {
  docker: () => `docker://${registry.host}/os/killed:1`,
  'oci-archive': () => `oci-archive:${join(folder.name, 'oci.tar')}`,
  'docker-archive': () => `docker-archive:${join(folder.name, 'docker.tar')}:localhost/killed:1`,
  dir: () => `dir:${join(folder.name, 'dir')}`,
};

test.each(Object.entries(sources))(
  '%s: skopeo is killed in the middle of a layer',
  { timeout: 240_000 },
  async (transport, name) => {
    const source = name();
    await run(['skopeo', 'copy', '--quiet', '--dest-tls-verify=false', `oci:${layout}`, source], { step: 'copy' });
    await using repository = await makeRepository(transport);
    const importFrom = (onBytes?: (bytes: number) => void) =>
      importImage(repository, source, {
        insecure: true,
        bootable: true,
        tag: 'x',
        onProgress: ({ bytesDone }) => onBytes?.(bytesDone),
      });
    for (const limit of [1, 2_000_000, 5_000_000]) {
      const stopped = importFrom((bytes) => {
        if (bytes >= limit) killSkopeo();
      });
      await expect(stopped, `killed at ${limit} bytes`).rejects.toMatchObject({ code: expect.any(String) });
      expect((await listTags(repository)).size).toBe(0);
      await readNamedLayers(repository);
    }
    const result = await importFrom();
    expect(result.bootImageIds).toEqual(expected.bootImageIds);
    expect(await readNamedLayers(repository)).toHaveLength(3);
  },
);
