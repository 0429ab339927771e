import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as composefs from '@workbench/composefs';
import { makeTar } from '../../../composefs/src/tar/make-tar.testing.ts';
import { formatBlsEntry } from '../boot/bls-entry.ts';
import { arrangeEntries, kernelEntry } from '../boot/deployment-entries.ts';
import { initrdFile, kernelFile, kernelFolderName, kernelsDirectory } from '../boot/names.ts';
import { deploymentTag } from '../deployment/deployment-tag.ts';
import { formatOrigin } from '../deployment/origin.ts';
import { formatStagedDeployment } from '../deployment/staged-deployment.ts';
import { deploymentPaths, physicalRoot, stagedRecord } from '../deployment/state-paths.ts';
import type { BootedStorage } from './booted-storage.ts';
import { imageStoreOf } from './image-store.ts';
import { type MockInstallation, type MockOptions, makeMockInstallation } from './mock-installation.ts';
import type { Mount } from './mount-table.ts';

/** A deployment of a test system. */
export interface TestDeployment {
  id: string;
  manifestDigest: string;
  /** The kernel folder it boots from: its own id, or another's. */
  artifactName: string;
}

/** An installation of plain files with a real repository. Other code may copy its folder and open the copy. */
export interface TestSystem extends MockInstallation {
  repositoryPath: string;
}

/** An OCI layout with a layer for each set of files; a name that ends in `/` is a folder. @returns its reference. */
export function writeImageLayout(
  directory: string,
  ...layers: Readonly<Record<string, string | Uint8Array>>[]
): string {
  const put = (path: string, content: string | Buffer): void => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  };
  const addBlob = (content: Buffer | object, mediaType: string) => {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
    const hex = createHash('sha256').update(bytes).digest('hex');
    put(join(directory, 'blobs/sha256', hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const oci = 'application/vnd.oci.image';
  const blobs = layers.map((files) => addBlob(makeLayer(files), `${oci}.layer.v1.tar`));
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const rootfs = { type: 'layers', diff_ids: blobs.map(({ digest }) => digest) };
  const config = addBlob(
    { created: '2026-11-24T14:17:04Z', architecture, os: 'linux', rootfs },
    `${oci}.config.v1+json`,
  );
  const mediaType = `${oci}.manifest.v1+json`;
  const manifest = addBlob({ schemaVersion: 2, mediaType, config, layers: blobs }, mediaType);
  put(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  put(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return `oci:${directory}`;
}

function makeLayer(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const folders = new Set(
    Object.keys(files).flatMap((path) => {
      const parts = path.split('/').slice(0, -1);
      return parts.map((_, index) => `${parts.slice(0, index + 1).join('/')}/`);
    }),
  );
  return makeTar([
    ...[...folders].sort().map((name) => ({ name, type: 'dir' as const, mode: '755' })),
    ...Object.entries(files)
      .filter(([name]) => !name.endsWith('/'))
      .map(([name, content]) => ({ name, type: 'file' as const, content })),
  ]);
}

/** What a small image that boots holds; `version` makes it another image, `kernel` and `initrd` are those files. */
export function bootableFiles(version: string, kernel = 'kernel', initrd = 'initrd'): Record<string, string> {
  return {
    'boot/': '',
    'etc/hostname': 'test\n',
    'sysroot/': '',
    'usr/lib/os-release': `ID=test\nPRETTY_NAME="Test ${version}"\n`,
    'usr/lib/modules/6.12/vmlinuz': kernel,
    'usr/lib/modules/6.12/initramfs.img': initrd,
    'usr/share/shared': 'shared'.repeat(200),
    'usr/share/version': version.repeat(200),
  };
}

/** A system without deployments, its repository empty. Its folder is for the caller to remove. */
export async function makeTestSystem(options: Pick<MockOptions, 'bootloader'> = {}): Promise<TestSystem> {
  const mock = makeMockInstallation({ bootedId: '', isMissingVerityAllowed: true, ...options });
  const repositoryPath = join(mock.physicalRoot, physicalRoot.repository);
  await using _ = await composefs.initRepository(repositoryPath, {
    algorithm: 'sha512',
    verity: 'if-supported',
    erofsFormats: { default: 1, extra: [2] },
  });
  return { ...mock, repositoryPath };
}

/** Opens the storage of a test system that booted a deployment. */
export async function openTestStorage(system: TestSystem, bootedId: string): Promise<BootedStorage> {
  const repository = await composefs.openRepository(system.repositoryPath);
  return {
    root: system.root,
    physicalRoot: system.physicalRoot,
    host: { kind: 'composefs', deploymentId: bootedId, isMissingVerityAllowed: true },
    boot: system.boot,
    isReadOnly: false,
    mounts: [etcMount({ filesystem: 'ext4', source: '/dev/vda3' })],
    images: imageStoreOf(repository, composefs),
    openRepository: async () => repository,
    [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
  };
}

/** A mount on `/etc`. */
export function etcMount(mount: Pick<Mount, 'filesystem' | 'source'>): Mount {
  return { device: '0:40', rootInFilesystem: '/', mountPoint: '/etc', options: ['rw'], ...mount };
}

/** Imports an image and gives it state and a kernel folder, but no boot entry yet. */
export async function deploy(
  system: TestSystem,
  source: string,
  options: { kernelOf?: TestDeployment } = {},
): Promise<TestDeployment> {
  await using repository = await composefs.openRepository(system.repositoryPath);
  const { manifestDigest, bootImageIds } = await composefs.importImage(repository, source, { bootable: true });
  await composefs.tagImage(repository, deploymentTag(manifestDigest), manifestDigest);
  const id = bootImageIds.get(repository.erofsFormats.default)!;
  const paths = deploymentPaths(system.physicalRoot, id);
  mkdirSync(paths.etc, { recursive: true });
  const imageReference = `ostree-unverified-image:${source}`;
  writeFileSync(paths.origin, formatOrigin({ imageReference, bootType: 'bls', bootDigest: '00', manifestDigest }));
  const artifactName = options.kernelOf?.artifactName ?? id;
  const folder = join(
    kernelsDirectory(system.boot.bootDirectory, system.boot.bootloader),
    kernelFolderName(artifactName),
  );
  mkdirSync(folder, { recursive: true });
  for (const file of [kernelFile, initrdFile]) writeFileSync(join(folder, file), file);
  return { id, manifestDigest, artifactName };
}

/** Writes a set of boot entries for deployments, in this order of the menu. */
export function writeEntrySet(
  system: TestSystem,
  set: 'entries' | 'entries.staged',
  deployments: readonly TestDeployment[],
): void {
  const { bootloader, bootDirectory, bootIsMount = false } = system.boot;
  const entries = deployments.map(({ id, artifactName }) =>
    kernelEntry({
      naming: { osId: 'test', title: 'Test', version: id },
      artifactName,
      kernelArguments: ['rw', `composefs=?${id}`],
      bootloader,
      bootIsMount,
    }),
  );
  const directory = join(bootDirectory, 'loader', set);
  mkdirSync(directory, { recursive: true });
  for (const { fileName, entry } of arrangeEntries(entries, { osId: 'test', bootloader })) {
    writeFileSync(join(directory, fileName), formatBlsEntry(entry));
  }
}

/** Writes the record of the staged deployment. */
export function recordStaged(system: TestSystem, deployment: TestDeployment): void {
  mkdirSync(join(system.root, stagedRecord.directory), { recursive: true });
  const text = formatStagedDeployment({ deploymentId: deployment.id, isFinalizationLocked: false });
  writeFileSync(join(system.root, stagedRecord.directory, stagedRecord.name), text);
}
