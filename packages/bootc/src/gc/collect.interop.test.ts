import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkRepository, importImage, initRepository, listTags, openRepository, tagImage } from '@workbench/composefs';
import { run } from '@workbench/run';
import { dir } from 'tmp-promise';
import { expect, test } from 'vitest';
import { formatBlsEntry } from '../boot/bls-entry.ts';
import { deploymentTag } from '../deployment/deployment-tag.ts';
import { formatOrigin } from '../deployment/origin.ts';
import { formatStagedDeployment } from '../deployment/staged-deployment.ts';
import { deploymentPaths, physicalRoot } from '../deployment/state-paths.ts';
import { buildHostDocument } from '../status/build-host-document.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { imageStoreOf } from '../storage/image-store.ts';
import { type MockInstallation, makeMockInstallation } from '../storage/mock-installation.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { assertNoOp, collectSystemGarbage, type GcResult } from './collect.ts';

/** An OCI layout with one layer that holds these files. */
async function makeImage(folder: string, files: Readonly<Record<string, string>>): Promise<string> {
  const put = (path: string, content: string | Buffer): void => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  };
  const layerFile = join(folder, 'layer.tar');
  for (const [path, content] of Object.entries(files)) put(join(folder, 'tree', path), content);
  await run(['tar', '--sort=name', '--mtime=@1700000000', '-C', join(folder, 'tree'), '-cf', layerFile, '.'], {
    step: 'make a layer',
  });
  const addBlob = (content: Buffer | object, mediaType: string) => {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
    const hex = createHash('sha256').update(bytes).digest('hex');
    put(join(folder, 'image/blobs/sha256', hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const oci = 'application/vnd.oci.image';
  const layer = addBlob(readFileSync(layerFile), `${oci}.layer.v1.tar`);
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const rootfs = { type: 'layers', diff_ids: [layer.digest] };
  const config = addBlob(
    { created: '2026-11-24T14:17:04Z', architecture, os: 'linux', rootfs },
    `${oci}.config.v1+json`,
  );
  const mediaType = `${oci}.manifest.v1+json`;
  const manifest = addBlob({ schemaVersion: 2, mediaType, config, layers: [layer] }, mediaType);
  put(join(folder, 'image/index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  put(join(folder, 'image/oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return `oci:${join(folder, 'image')}`;
}

interface Deployed {
  id: string;
  manifestDigest: string;
}

async function importInto(repositoryPath: string, source: string): Promise<Deployed> {
  await using repository = await openRepository(repositoryPath);
  const imported = await importImage(repository, source, { bootable: true });
  await tagImage(repository, deploymentTag(imported.manifestDigest), imported.manifestDigest);
  return { id: imported.bootImageIds.get(repository.erofsFormats.default)!, manifestDigest: imported.manifestDigest };
}

function deploy(mock: MockInstallation, deployed: Deployed, set: 'entries' | 'entries.staged'): void {
  const { id, manifestDigest } = deployed;
  const paths = deploymentPaths(mock.physicalRoot, id);
  mkdirSync(paths.etc, { recursive: true });
  const imageReference = 'ostree-unverified-image:docker://registry.example/os:1';
  writeFileSync(paths.origin, formatOrigin({ imageReference, bootType: 'bls', bootDigest: '00', manifestDigest }));
  const folder = `/EFI/Linux/bootc_composefs-${id}`;
  mkdirSync(join(mock.boot.espDirectory, folder), { recursive: true });
  for (const file of ['vmlinuz', 'initrd']) writeFileSync(join(mock.boot.espDirectory, folder, file), file);
  const target = {
    kind: 'linux',
    linux: `${folder}/vmlinuz`,
    initrds: [`${folder}/initrd`],
    options: `composefs=${id}`,
  } as const;
  mkdirSync(join(mock.boot.bootDirectory, 'loader', set), { recursive: true });
  writeFileSync(
    join(mock.boot.bootDirectory, 'loader', set, `bootc_x-${id}-1.conf`),
    formatBlsEntry({ version: id, target }),
  );
}

test('a staged deployment is kept while it is staged; when it is given up, all of it goes and nothing else', async () => {
  const work = await dir({ unsafeCleanup: true });
  await using _work = { [Symbol.asyncDispose]: () => work.cleanup() };
  const shared = {
    'boot/.keep': '',
    'sysroot/.keep': '',
    'usr/lib/os-release': 'ID=example\n',
    'usr/share/big': 'shared'.repeat(5000),
  };
  const first = await makeImage(join(work.path, '1'), shared);
  const second = await makeImage(join(work.path, '2'), { ...shared, 'usr/share/more': 'second'.repeat(5000) });

  const mock = makeMockInstallation({ bootedId: '' });
  await using _mock = { [Symbol.asyncDispose]: () => rm(mock.directory, { recursive: true }) };
  const repositoryPath = join(mock.physicalRoot, physicalRoot.repository);
  await (
    await initRepository(repositoryPath, {
      algorithm: 'sha512',
      verity: 'if-supported',
      erofsFormats: { default: 1, extra: [2] },
    })
  )[Symbol.asyncDispose]();
  const booted = await importInto(repositoryPath, first);
  const staged = await importInto(repositoryPath, second);
  deploy(mock, booted, 'entries');
  deploy(mock, staged, 'entries.staged');
  mkdirSync(join(mock.root, 'run/composefs'), { recursive: true });
  const record = join(mock.root, 'run/composefs/staged-deployment');
  writeFileSync(record, formatStagedDeployment({ deploymentId: staged.id, isFinalizationLocked: false }));

  const composefs = await import('@workbench/composefs');
  const withStorage = async <T>(use: (storage: BootedStorage) => Promise<T>): Promise<T> => {
    await using repository = await openRepository(repositoryPath);
    return await use({
      ...mock,
      host: { kind: 'composefs', deploymentId: booted.id, isMissingVerityAllowed: true },
      isReadOnly: false,
      mounts: [],
      images: imageStoreOf(repository, composefs),
      openRepository: async () => repository,
      [Symbol.asyncDispose]: async () => undefined,
    });
  };
  const collect = (options: { isDryRun: boolean; onlyBootFiles: boolean }): Promise<GcResult> =>
    withStorage((storage) => collectSystemGarbage(storage, options));

  // Two imports, each of which wrote its configuration again when its images were made, leave nothing behind.
  assertNoOp(await collect({ isDryRun: true, onlyBootFiles: false }));
  const document = await withStorage(async (storage) =>
    buildHostDocument(await buildRootModel(storage), { mounts: [], isReadOnly: false, isSelinuxEnabled: false }),
  );
  expect(document.status.staged?.image?.imageDigest).toBe(staged.manifestDigest);
  expect(document.status).not.toHaveProperty('incomplete');

  unlinkSync(record);
  const dryRun = await collect({ isDryRun: true, onlyBootFiles: false });
  expect(dryRun.system.removals).toHaveLength(3);
  expect(() => assertNoOp(dryRun)).toThrow('GC would remove 3 paths, 1 tag changes, 10 objects, 7 symlinks');
  const collected = await collect({ isDryRun: false, onlyBootFiles: false });
  expect(collected.repository).toEqual(dryRun.repository);
  expect(existsSync(deploymentPaths(mock.physicalRoot, staged.id).directory)).toBe(false);
  expect(existsSync(join(mock.boot.espDirectory, `EFI/Linux/bootc_composefs-${staged.id}`))).toBe(false);
  expect(existsSync(join(mock.boot.bootDirectory, 'loader/entries.staged'))).toBe(false);
  expect(existsSync(join(mock.boot.espDirectory, `EFI/Linux/bootc_composefs-${booted.id}/vmlinuz`))).toBe(true);
  assertNoOp(await collect({ isDryRun: true, onlyBootFiles: false }));
  await using repository = await openRepository(repositoryPath);
  expect([...(await listTags(repository)).values()]).toEqual([booted.manifestDigest]);
  expect(await checkRepository(repository)).toMatchObject({ ok: true });
});
