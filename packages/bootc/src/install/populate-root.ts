import { mkdir } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import {
  buildImageTree,
  findNode,
  type ImportProgress,
  makeDirectory,
  mountImage,
  type Repository,
  readImageMetadata,
  removeTree,
  replaceFile,
  syncFilesystem,
  tagImage,
} from '@workbench/composefs';
import { type EtcMode, readEtcMode } from '../boot/etc-mode.ts';
import { formatOriginReference, type ImageReference } from '../deployment/image-reference.ts';
import { deploymentPaths, localEtc, oldSystemMarker } from '../deployment/state-paths.ts';
import { readBoundImages } from '../unified/bound-images.ts';
import { filesOfTree } from '../unified/image-files.ts';
import { importWantedImage } from '../unified/import-wanted.ts';
import { storeBoundImages } from '../unified/store-bound-images.ts';
import { alephName, formatAleph } from './aleph.ts';
import { bootLocationOf, type InstalledMounts } from './bootloader.ts';
import type { InstallDecision } from './decide.ts';
import { prepareFirstBoot } from './first-boot.ts';
import type { InstalledArgumentOptions } from './installed-kernel-arguments.ts';
import { layOutPhysicalRoot } from './physical-root.ts';
import { formatRootSshConfiguration, rootSshConfiguration } from './root-ssh-keys.ts';
import { seedState } from './seed-state.ts';

/** What an installation puts on file systems that are already mounted. */
export interface PopulateOptions extends InstalledMounts {
  /** An empty folder that the image can be mounted on meanwhile; made when it is missing. */
  imageMount: string;
  /** The root may hold an earlier installation: the state of a deployment of the same image is made anew. */
  replacesState?: boolean;
  /** What else is on the root file system is removed when the new system is booted. */
  removesOldSystem?: boolean;
  source: ImageReference;
  decision: InstallDecision;
  /** `UUID=…`, used where root is not discoverable. */
  rootSpec: string;
  kernelArguments: InstalledArgumentOptions;
  disableSelinux: boolean;
  /** Names of addons of the unified kernel image that are installed with it. */
  ukiAddons: readonly string[];
  /** Content of root's authorized_keys. */
  authorizedKeys?: string;
  /** The host enforces a SELinux policy. */
  isHostSelinuxEnabled: boolean;
  /** Bring the image by way of container storage. */
  isUnified?: boolean;
  /** Where the images that the image binds come from: the storage of the host unless told otherwise. */
  boundImages?: 'stored' | 'skip' | 'pull';
  print?(line: string): void;
  onImport?(progress: ImportProgress): void;
  /**
   * Puts the boot loader on the ESP; called when all of the root is on disk, so that a boot loader of before may go, and before anything
   * is there that it could start.
   */
  installBootloader?(imageRoot: string): Promise<void>;
  /** The step of writing kernel and boot entry begins. */
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
 * end the boot entry. All of the root is on disk before the boot loader changes, and before there is an entry that boots it.
 *
 * @throws what importing throws, what `prepareFirstBoot` throws, CommandError of the tools.
 */
export async function populateRoot(options: PopulateOptions): Promise<PopulatedRoot> {
  const { rootMount, decision, signal } = options;
  const abort = signal === undefined ? {} : { signal };
  await using repository = await layOutPhysicalRoot(rootMount, decision);
  const print = options.print ?? (() => undefined);
  const storage = { root: '/', physicalRoot: rootMount, print, warn: options.warn, ...abort };
  const image = await importWantedImage(repository, {
    ...storage,
    reference: options.source,
    storedAs: decision.target,
    isUnifiedRequested: options.isUnified === true,
    onImport: options.onImport,
  });
  await tagImage(repository, `localhost/bootc-${image.manifestDigest}`, image.manifestDigest);
  const tree = await buildImageTree(repository, image.manifestDigest);
  if (options.boundImages !== 'skip') {
    const images = await readBoundImages(await filesOfTree(repository, tree));
    await storeBoundImages({ ...storage, images, from: options.boundImages === 'pull' ? 'registry' : 'host' });
  }
  const boot = await prepareFirstBoot(repository, { ...options, tree, image });
  const { deploymentId, bootType, bootDigest } = boot;
  const etcMode = await readEtcMode(repository, deploymentId);
  const hasSelinuxPolicy = findNode(tree, 'etc/selinux/config') !== undefined;
  if (hasSelinuxPolicy && options.isHostSelinuxEnabled) {
    options.warn('SELinux labels are not written to the physical root; relabel it before the system enforces a policy');
  }

  {
    await mkdir(options.imageMount, { recursive: true });
    await using _image = await mountImage(repository, deploymentId, options.imageMount, {
      verity: decision.isMissingVerityAllowed ? 'if-supported' : 'require',
    });
    if (options.replacesState === true) await removeTree(deploymentPaths(rootMount, deploymentId).directory);
    await seedState({
      physicalRootMount: rootMount,
      imageRoot: options.imageMount,
      deploymentId,
      etcMode,
      origin: {
        imageReference: formatOriginReference({ ...decision.target, signature: decision.signature }),
        bootType,
        bootDigest,
        manifestDigest: image.manifestDigest,
      },
      ...abort,
    });
    const etc = localEtc(deploymentPaths(rootMount, deploymentId), etcMode === 'overlay');
    await writeLocalEtc(etc, etcMode, options);
    await writeAleph(repository, image.manifestDigest, hasSelinuxPolicy, options);
    await syncFilesystem(rootMount);
    signal?.throwIfAborted();
    await options.installBootloader?.(options.imageMount);
    options.onDeploy?.();
  }
  await syncFilesystem(rootMount);
  signal?.throwIfAborted();

  const entryFileName = await boot.write(bootLocationOf(decision, options));
  return { deploymentId, manifestDigest: image.manifestDigest, bootDigest, entryFileName };
}

async function writeLocalEtc(etc: string, etcMode: EtcMode, options: PopulateOptions): Promise<void> {
  const { authorizedKeys, removesOldSystem = false } = options;
  if (authorizedKeys === undefined && !removesOldSystem) return;
  if (etcMode === 'none' || etcMode === 'transient') {
    const what = [
      ...(authorizedKeys === undefined ? [] : ['the authorized keys of root']),
      ...(removesOldSystem ? ['that the old system is to be removed'] : []),
    ];
    options.warn(`the image has its /etc only in memory, so the installed system is not told ${what.join(' and ')}`);
  }
  makeDirectory(etc, 0o755);
  if (removesOldSystem) await replaceFile(etc, oldSystemMarker, '');
  if (authorizedKeys === undefined) return;
  const directory = join(etc, rootSshConfiguration.directory);
  makeDirectory(directory, 0o755);
  await replaceFile(directory, rootSshConfiguration.name, formatRootSshConfiguration(authorizedKeys));
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
