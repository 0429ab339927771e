import { mkdir } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import {
  buildImageTree,
  findNode,
  type ImportProgress,
  importImage,
  mountImage,
  type Repository,
  readFileNode,
  readImageMetadata,
  replaceFile,
  syncFilesystem,
  tagImage,
} from '@workbench/composefs';
import { computeBootDigest } from '../boot/boot-digest.ts';
import { readImageKernelArguments, readOsRelease } from '../boot/image-settings.ts';
import { formatOriginReference, formatTransportReference, type ImageReference } from '../deployment/image-reference.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { alephName, formatAleph } from './aleph.ts';
import { firstBootEntry, writeFirstBoot } from './boot-entry.ts';
import type { InstallDecision } from './decide.ts';
import { findKernel } from './find-kernel.ts';
import { type InstalledArgumentOptions, installedKernelArguments } from './installed-kernel-arguments.ts';
import { layOutPhysicalRoot } from './physical-root.ts';
import { formatRootSshConfiguration, rootSshConfiguration } from './root-ssh-keys.ts';
import { seedState } from './seed-state.ts';

/** What an installation puts on file systems that are already mounted. */
export interface PopulateOptions {
  rootMount: string;
  /** The mounted ESP; a plain folder does as well. */
  espMount: string;
  /** An empty folder that the image can be mounted on meanwhile; made when it is missing. */
  imageMount: string;
  source: ImageReference;
  decision: InstallDecision;
  /** `UUID=…`, used where root is not discoverable. */
  rootSpec: string;
  kernelArguments: InstalledArgumentOptions;
  disableSelinux: boolean;
  /** Content of root's authorized_keys. */
  authorizedKeys?: string;
  /** The host enforces a SELinux policy. */
  isHostSelinuxEnabled: boolean;
  onImport?(progress: ImportProgress): void;
  /** Puts the boot loader on the ESP; called before anything is there that it could start. */
  installBootloader?(imageRoot: string): Promise<void>;
  /** The step of writing kernel, state and boot entry begins. */
  onDeploy?(): void;
  warn(line: string): void;
  signal?: AbortSignal;
}

/** What was installed. */
export interface PopulatedRoot {
  deploymentId: string;
  manifestDigest: string;
  bootDigest: string;
  entryFileName: string;
}

/**
 * Fills an empty root file system and an ESP: repository with the image, deployment state, boot loader, kernel, and in the
 * end the boot entry. All of the root is on disk before there is an entry on the ESP that boots it.
 *
 * @throws what importing throws, `IMAGE_WITHOUT_KERNEL` and its like, CommandError of the tools.
 */
export async function populateRoot(options: PopulateOptions): Promise<PopulatedRoot> {
  const { rootMount, decision, signal } = options;
  const abort = signal === undefined ? {} : { signal };
  await using repository = await layOutPhysicalRoot(rootMount, decision);
  const image = await importImage(repository, formatTransportReference(options.source), {
    bootable: true,
    ...(options.onImport === undefined ? {} : { onProgress: options.onImport }),
    ...abort,
  });
  await tagImage(repository, `localhost/bootc-${image.manifestDigest}`, image.manifestDigest);
  const deploymentId = image.bootImageIds.get(repository.erofsFormats.default);
  if (deploymentId === undefined) throw new Error('the import made no image of the default format');

  const tree = await buildImageTree(repository, image.manifestDigest);
  const kernel = findKernel(tree, options.source.image);
  const vmlinuz = await readFileNode(repository, kernel.vmlinuz);
  const initrd = await readFileNode(repository, kernel.initramfs);
  const bootDigest = await computeBootDigest([vmlinuz], [initrd]);
  const hasSelinuxPolicy = findNode(tree, 'etc/selinux/config') !== undefined;
  if (hasSelinuxPolicy && options.isHostSelinuxEnabled) {
    options.warn('SELinux labels are not written to the physical root; relabel it before the system enforces a policy');
  }

  {
    await mkdir(options.imageMount, { recursive: true });
    await using _image = await mountImage(repository, deploymentId, options.imageMount, {
      verity: decision.isMissingVerityAllowed ? 'if-supported' : 'require',
    });
    await options.installBootloader?.(options.imageMount);
    options.onDeploy?.();
    await seedState({
      physicalRootMount: rootMount,
      imageRoot: options.imageMount,
      deploymentId,
      origin: {
        imageReference: formatOriginReference({ ...decision.target, signature: decision.signature }),
        bootType: 'bls',
        bootDigest,
        manifestDigest: image.manifestDigest,
      },
      ...abort,
    });
  }
  await writeRootSshKeys(rootMount, deploymentId, options.authorizedKeys);
  await writeAleph(repository, image.manifestDigest, hasSelinuxPolicy, options);
  await syncFilesystem(rootMount);
  signal?.throwIfAborted();

  const entry = firstBootEntry({
    deploymentId,
    osRelease: await readOsRelease(repository, tree),
    kernelArguments: installedKernelArguments({
      ...options.kernelArguments,
      ...(decision.isDiscoverable ? {} : { rootSpec: options.rootSpec }),
      isSelinuxDisabled: options.disableSelinux && hasSelinuxPolicy,
      composefs: { deploymentId, isMissingVerityAllowed: decision.isMissingVerityAllowed },
      image: await readImageKernelArguments(repository, tree),
    }),
  });
  await writeFirstBoot({ espMount: options.espMount, deploymentId, kernel: vmlinuz, initrd, entry });
  return { deploymentId, manifestDigest: image.manifestDigest, bootDigest, entryFileName: entry.fileName };
}

async function writeRootSshKeys(rootMount: string, deploymentId: string, keys: string | undefined): Promise<void> {
  if (keys === undefined) return;
  const directory = join(deploymentPaths(rootMount, deploymentId).etc, rootSshConfiguration.directory);
  await mkdir(directory, { recursive: true, mode: 0o755 });
  await replaceFile(directory, rootSshConfiguration.name, formatRootSshConfiguration(keys));
}

async function writeAleph(
  repository: Repository,
  manifestDigest: string,
  hasSelinuxPolicy: boolean,
  options: PopulateOptions,
): Promise<void> {
  const versionKey = 'org.opencontainers.image.version';
  const { manifest, config } = await readImageMetadata(repository, manifestDigest);
  const labels = config.config?.Labels ?? {};
  const text = formatAleph({
    source: options.source,
    target: options.decision.target,
    manifestDigest,
    labels,
    version: manifest.annotations?.[versionKey] ?? labels[versionKey],
    timestamp: config.created,
    kernel: release(),
    selinux: !hasSelinuxPolicy
      ? 'disabled'
      : options.disableSelinux
        ? 'force-target-disabled'
        : options.isHostSelinuxEnabled
          ? 'enabled'
          : 'host-disabled',
  });
  await replaceFile(options.rootMount, alephName, text);
}
