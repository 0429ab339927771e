import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, describe, expect, test } from 'vitest';
import { cfsMain } from '../cli/main.ts';
import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import { initRepository } from '../repository/init-repository.ts';
import { linkedDigest } from '../repository/links.ts';
import type { ErofsFormat } from '../repository/metadata.ts';
import { objectPath } from '../repository/objects.ts';
import type { Repository } from '../repository/repository.ts';
import { openStream } from '../repository/streams.ts';
import { readImageMetadata } from './image-metadata.ts';
import { storeJsonStream } from './image-streams.ts';
import { importImage } from './import-image.ts';
import { ociVectors, readVector, type VectorRun, vectorLayout } from './vector-image.testing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'oci-vectors-' });
afterAll(() => folder.removeCallback());
const name = 'localhost/bootc-vector';

async function cfs(path: string, ...args: string[]): Promise<string> {
  let output = '';
  const write = (text: string) => {
    output += text;
  };
  expect(await cfsMain(['--repo', path, ...args], { write, writeError: write })).toBe(0);
  return output.trimEnd();
}

describe.each(Object.entries(ociVectors.runs))('%s', (run, expected) => {
  const [tag, algorithm, version] = run.split('/') as [string, HashAlgorithm, string];
  const format: ErofsFormat = version === 'V1' ? 1 : 2;
  const { manifest, config } = ociVectors.tags[tag] as { manifest: string; config: string };
  const path = join(folder.name, run.replaceAll('/', '-'));
  const open = () => initRepository(path, { algorithm, verity: 'off', erofsFormats: { default: format } });

  test('image digests, streams and their bytes', async () => {
    await using repository = await open();
    const result = await importImage(repository, `oci:${vectorLayout}:${tag}`, { tag: name, bootable: true });
    expect(result).toMatchObject({ manifestDigest: manifest, configDigest: config });
    expect(result.imageIds).toEqual(new Map([[format, expected.image]]));
    expect(result.bootImageIds).toEqual(new Map([[format, expected.imageBootable]]));
    for (const [stream, digest] of Object.entries(expected.streams)) {
      expect(linkedDigest(repository, 'streams', stream)).toBe(digest);
    }
    for (const [stream, base64] of Object.entries(expected.streamBytesBase64 ?? {})) {
      if (stream.startsWith('oci-manifest')) continue;
      const digest = linkedDigest(repository, 'streams', stream) as string;
      expect(readFileSync(join(path, objectPath(digest))).toString('base64')).toBe(base64);
    }
  });

  test('digests and dumps of every transformation', async () => {
    const keep = ['--xattrs', 'keep-user-xattrs'];
    expect(await cfs(path, 'oci', 'compute-id', name)).toBe(expected.image);
    expect(await cfs(path, 'oci', 'compute-id', '--bootable', name)).toBe(expected.imageBootable);
    expect(await cfs(path, 'oci', 'compute-id', ...keep, name)).toBe(expected.imageKeepUserXattrs);
    expect(await cfs(path, 'oci', 'compute-id', '--bootable', ...keep, name)).toBe(
      expected.imageBootableKeepUserXattrs,
    );
    const { plain, bootable, 'keep-user-xattrs': kept } = expected.dumps;
    expect(`${await cfs(path, 'oci', 'dump', name)}\n`).toBe(readVector(plain));
    expect(`${await cfs(path, 'oci', 'dump', '--bootable', name)}\n`).toBe(readVector(bootable));
    expect(`${await cfs(path, 'oci', 'dump', ...keep, name)}\n`).toBe(readVector(kept));
  });

  test('the repository has the files that are left after cfsctl collected its garbage', async () => {
    await using repository = await open();
    if (expected.repositoryFiles === undefined) return expect(run).toContain('vector-xlink');
    const garbage = await formerStreams(repository, expected, { manifest, config });
    const manifestStreams = new Set(Object.values(expected.manifestStreamSeen).flat());
    const isComparable = (file: string) =>
      !garbage.some((digest) => file === objectPath(digest)) &&
      ![...manifestStreams].some((digest) => file === objectPath(digest)) &&
      !/^objects\/..$/.test(file) &&
      !file.startsWith('streams/oci-manifest');
    const ours = listFiles(path).filter(({ path: file }) => isComparable(file));
    const theirs = expected.repositoryFiles.filter(({ path: file }) => isComparable(file));
    const varying = new Set(expected.repositoryFilesVaryingBetweenRuns?.map((file) => file.path));
    expect(ours).toEqual(theirs.filter(({ path: file }) => !varying.has(file)));
    expect(manifestStreams).toContain(linkedDigest(repository, 'streams', `oci-manifest-${manifest}`));
  });

  test('collecting and checking say what cfsctl says', async () => {
    {
      // What cfsctl stores before it knows the images, and leaves behind.
      await using repository = await open();
      const [, manifestStream] = await storeFormerStreams(repository, { manifest, config });
      expect(manifestStream).toBe(expected.manifestVerityPrinted);
    }
    expect(await cfs(path, 'gc', '-n')).toBe(expected.gcDryRunRightAfterPull);
    expect(await cfs(path, 'gc')).toBe(expected.gcRightAfterPull);
    expect(await cfs(path, 'gc')).toBe('Objects: 0 removed (0 bytes)');
    expect(await cfs(path, 'fsck')).toBe(expected.fsckAfterGc);
    expect(await cfs(path, 'oci', 'fsck')).toBe(expected.ociFsckAfterGc);
  });
});

async function storeFormerStreams(
  repository: Repository,
  image: { manifest: string; config: string },
): Promise<[config: string, manifest: string]> {
  const metadata = await readImageMetadata(repository, image.manifest);
  const layers = metadata.config.rootfs.diff_ids.map(
    (diffId) => [diffId, metadata.configReferences.get(diffId) as string] as const,
  );
  const config = await storeJsonStream(repository, 'config', metadata.configBytes, layers);
  const references = [[`config:${image.config}`, config] as const, ...layers];
  return [config, await storeJsonStream(repository, 'manifest', metadata.manifestBytes, references)];
}

// Their digests, without a change of the repository.
async function formerStreams(
  repository: Repository,
  expected: VectorRun,
  image: { manifest: string; config: string },
): Promise<string[]> {
  const scratch = join(folder.name, `former-${expected.image}`);
  const { algorithm, erofsFormats } = repository;
  await using copy = await initRepository(scratch, { algorithm, verity: 'off', erofsFormats });
  const metadata = await readImageMetadata(repository, image.manifest);
  const layers = await Promise.all(
    metadata.config.rootfs.diff_ids.map(async (diffId) => {
      return [diffId, (await openStream(repository, `oci-layer-${diffId}`)).digest] as const;
    }),
  );
  const config = await storeJsonStream(copy, 'config', metadata.configBytes, layers);
  return [config, expected.manifestVerityPrinted];
}

function listFiles(root: string): NonNullable<VectorRun['repositoryFiles']> {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const full = join(entry.parentPath, entry.name);
      const stats = lstatSync(full);
      const mode = `0${(stats.mode & 0o777).toString(8)}`;
      const path = relative(root, full);
      if (stats.isSymbolicLink()) return { path, type: 'symlink' as const, target: readlinkSync(full) };
      if (stats.isDirectory()) return { path, type: 'dir' as const, mode };
      return { path, type: 'file' as const, size: stats.size, mode };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
