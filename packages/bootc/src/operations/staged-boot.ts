import {
  buildImageTree,
  type Directory,
  emptyDirectory,
  findNode,
  type ImportResult,
  type Repository,
  readFileNode,
  readImagePart,
} from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import type { BlsEntry } from '../boot/bls-entry.ts';
import { computeBootDigest } from '../boot/boot-digest.ts';
import { kernelEntry, unifiedKernelEntry } from '../boot/deployment-entries.ts';
import { readImageKernelArguments, readOsRelease } from '../boot/image-settings.ts';
import { kargsDirectory } from '../boot/kargs-d.ts';
import { entryNaming, osReleasePaths } from '../boot/os-release.ts';
import { findKernel, modulesDirectory } from '../install/find-kernel.ts';
import { readBootctlVersion } from '../install/systemd-boot.ts';
import { findSharedKernel, writeKernelFolder } from '../storage/kernel-folders.ts';
import type { RootModel } from '../storage/root-model.ts';
import { readInstalledAddons, writeUnifiedKernel } from '../storage/unified-kernel-files.ts';
import { findUnifiedKernel, type ImageUnifiedKernel } from '../uki/image-unified-kernel.ts';
import { openUnifiedDeployment } from '../uki/unified-deployment.ts';
import { type BootedKernelArguments, carriedKernelArguments } from './carried-kernel-arguments.ts';

/** How a new deployment is going to boot. */
export interface StagedBoot {
  deploymentId: string;
  bootType: 'bls' | 'uki';
  bootDigest: string;
  /** The `ID` of the operating system, which names and sort keys of boot entries are made of. */
  osId: string;
  entry: BlsEntry;
  /** What {@link write} takes on the boot partition: nothing when a kernel is shared. */
  neededBytes: number;
  /** Writes what the entry names. After it resolves, all of it is on disk; until then no entry may name it. */
  write(): Promise<void>;
}

/** What decides how a new deployment boots. */
export interface StagedBootOptions {
  model: RootModel;
  image: Pick<ImportResult, 'manifestDigest' | 'bootImageIds' | 'bootFolder'>;
  imageName: string;
  booted: BootedKernelArguments;
  warn(line: string): void;
}

/** Folders, entries and rounding to clusters on the boot partition. */
const bootOverheadBytes = 1 << 20;

/**
 * Finds what the image boots with: its unified kernel image if it has one, else its kernel and initramfs. A kernel that an active
 * boot entry uses already is shared.
 *
 * @throws CodedError `IMAGE_WITHOUT_KERNEL` and its like; `UKI_DIGEST_MISMATCH`, `GRUB_UKI_UNSUPPORTED`, `KARGS_FILE_INVALID`.
 */
export async function prepareStagedBoot(repository: Repository, options: StagedBootOptions): Promise<StagedBoot> {
  const { model, image } = options;
  const { bootloader, bootIsMount = false } = model.boot;
  const deploymentId = image.bootImageIds.get(repository.erofsFormats.default);
  if (deploymentId === undefined) throw new Error('the import made no image of the default format');
  const unified = findUnifiedKernel(await readBootFolder(repository, image));
  if (unified !== undefined) return prepareUnified(repository, unified, options);

  const tree = readImagePart(repository, deploymentId, [modulesDirectory, kargsDirectory, ...osReleasePaths]);
  const found = findKernel(tree, options.imageName);
  const kernel = await readFileNode(repository, found.vmlinuz);
  const initrd = await readFileNode(repository, found.initramfs);
  const bootDigest = await computeBootDigest([kernel], [initrd]);
  const shared = await findSharedKernel(model, bootDigest);
  const isNameTaken = model.entries.some(
    (entry) => entry.set === 'active' && entry.artifactName === deploymentId && entry.entry.target.kind === 'linux',
  );
  if (shared === undefined && isNameTaken) throw kernelFolderDamaged(deploymentId);
  const naming = entryNaming(await readOsRelease(repository, tree), deploymentId);
  const kernelArguments = carriedKernelArguments(options.booted, {
    deploymentId,
    imageArguments: await readImageKernelArguments(repository, tree),
  });
  return {
    deploymentId,
    bootType: 'bls',
    bootDigest,
    osId: naming.osId,
    entry: kernelEntry({
      naming,
      artifactName: shared ?? deploymentId,
      kernelArguments,
      bootloader,
      bootIsMount,
    }),
    neededBytes: bootOverheadBytes + (shared === undefined ? kernel.length + initrd.length : 0),
    write: async () => {
      if (shared === undefined) await writeKernelFolder(model.boot, deploymentId, { kernel, initrd });
    },
  };
}

// A tree with nothing but /boot, which the image to boot does not have any more.
async function readBootFolder(repository: Repository, image: StagedBootOptions['image']): Promise<Directory> {
  const boot = image.bootFolder ?? findNode(await buildImageTree(repository, image.manifestDigest), 'boot');
  return { ...emptyDirectory(), entries: new Map(boot === undefined ? [] : [['boot', boot]]) };
}

async function prepareUnified(
  repository: Repository,
  unified: ImageUnifiedKernel,
  options: StagedBootOptions,
): Promise<StagedBoot> {
  const { model, warn } = options;
  const { bootloader, espDirectory } = model.boot;
  if (bootloader === 'grub') {
    throw new CodedError(
      'GRUB_UKI_UNSUPPORTED',
      `${options.imageName} boots a unified kernel image, this system grub`,
      {
        hint: 'use an image with its kernel in usr/lib/modules, or install with systemd-boot',
      },
    );
  }
  const deployment = await openUnifiedDeployment(repository, unified, { ...options.image, explain: warn });
  const { deploymentId, bytes } = deployment;
  const addons = await carriedAddons(repository, unified, options);
  const naming = entryNaming(deployment.osRelease, deploymentId);
  const systemdVersion = await readBootctlVersion().catch(() => undefined);
  const addonBytes = [...addons.values()].reduce((sum, { length }) => sum + length, 0);
  return {
    deploymentId,
    bootType: 'uki',
    bootDigest: deployment.bootDigest,
    osId: naming.osId,
    entry: unifiedKernelEntry({ naming, deploymentId, bootloader, systemdVersion }),
    neededBytes: bootOverheadBytes + bytes.length + addonBytes,
    write: () => writeUnifiedKernel(espDirectory, deploymentId, { bytes, addons }),
  };
}

// The addons that the booted deployment was installed with, as the new image has them; one that it lacks stays as it is.
async function carriedAddons(
  repository: Repository,
  unified: ImageUnifiedKernel,
  { model }: StagedBootOptions,
): Promise<Map<string, Uint8Array>> {
  const booted = model.entries.find((entry) => entry.deploymentId === model.host.deploymentId);
  const installed = await readInstalledAddons(model.boot.espDirectory, booted?.artifactName ?? model.host.deploymentId);
  const addons = new Map<string, Uint8Array>();
  for (const [name, bytes] of installed) {
    const leaf = unified.addons.get(name);
    addons.set(name, leaf === undefined ? bytes : await readFileNode(repository, leaf));
  }
  return addons;
}

function kernelFolderDamaged(id: string): CodedError {
  return new CodedError(
    'KERNEL_FOLDER_DAMAGED',
    `an active boot entry uses the kernel folder of ${id}, which is damaged`,
    {
      hint: 'bootc internals repair restores it',
    },
  );
}
