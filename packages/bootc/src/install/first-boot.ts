import {
  type Directory,
  findNode,
  type ImportResult,
  type Leaf,
  type Repository,
  readFileNode,
} from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { computeBootDigest } from '../boot/boot-digest.ts';
import { arrangeEntries, kernelEntry, unifiedKernelEntry } from '../boot/deployment-entries.ts';
import { readImageKernelArguments, readOsRelease } from '../boot/image-settings.ts';
import { entryNaming } from '../boot/os-release.ts';
import type { BootLocation } from '../storage/boot-entries.ts';
import { writeKernelFolder } from '../storage/kernel-folders.ts';
import { writeUnifiedKernel } from '../storage/unified-kernel-files.ts';
import { findUnifiedKernel, type ImageUnifiedKernel } from '../uki/image-unified-kernel.ts';
import { openUnifiedDeployment } from '../uki/unified-deployment.ts';
import { writeFirstEntry } from './boot-entry.ts';
import type { InstallDecision } from './decide.ts';
import { supportsVerity } from './file-systems.ts';
import { findKernel } from './find-kernel.ts';
import { type InstalledArgumentOptions, installedKernelArguments } from './installed-kernel-arguments.ts';
import { readBootctlVersion } from './systemd-boot.ts';

/** How the first deployment of an installation boots. */
export interface FirstBoot {
  deploymentId: string;
  bootType: 'bls' | 'uki';
  bootDigest: string;
  /**
   * Writes what it boots with, then the entry. When it resolves, all of it is on disk. If it throws or power is lost,
   * there is no entry unless all it boots is complete. @returns the name of the entry.
   */
  write(boot: BootLocation): Promise<string>;
}

/** What decides how the first deployment boots. */
export interface FirstBootOptions {
  /** The tree of the image as its layers make it. */
  tree: Directory;
  image: Pick<ImportResult, 'manifestDigest' | 'bootImageIds'>;
  source: { image: string };
  decision: InstallDecision;
  rootSpec: string;
  kernelArguments: InstalledArgumentOptions;
  disableSelinux: boolean;
  ukiAddons: readonly string[];
  warn(line: string): void;
}

/**
 * Finds what the image boots with: its unified kernel image if it has one, else its kernel and initramfs.
 *
 * @throws CodedError `IMAGE_WITHOUT_KERNEL` and its like; `UKI_DIGEST_MISMATCH`, `UKI_NEEDS_VERITY`, `UKI_ADDON_MISSING`.
 */
export async function prepareFirstBoot(repository: Repository, options: FirstBootOptions): Promise<FirstBoot> {
  const unified = findUnifiedKernel(options.tree);
  return unified === undefined ? prepareKernel(repository, options) : prepareUnified(repository, unified, options);
}

async function prepareKernel(repository: Repository, options: FirstBootOptions): Promise<FirstBoot> {
  const { tree, decision } = options;
  const { bootloader } = decision;
  if (options.ukiAddons.length > 0) throw addonMissing(options.ukiAddons, 'the image has no unified kernel image');
  const deploymentId = options.image.bootImageIds.get(repository.erofsFormats.default);
  if (deploymentId === undefined) throw new Error('the import made no image of the default format');
  const found = findKernel(tree, options.source.image);
  const kernel = await readFileNode(repository, found.vmlinuz);
  const initrd = await readFileNode(repository, found.initramfs);
  const naming = entryNaming(await readOsRelease(repository, tree), deploymentId);
  const kernelArguments = installedKernelArguments({
    ...options.kernelArguments,
    ...(decision.isDiscoverable ? {} : { rootSpec: options.rootSpec }),
    isSelinuxDisabled: options.disableSelinux && findNode(tree, 'etc/selinux/config') !== undefined,
    composefs: { deploymentId, isMissingVerityAllowed: decision.isMissingVerityAllowed },
    image: await readImageKernelArguments(repository, tree),
  });
  return {
    deploymentId,
    bootType: 'bls',
    bootDigest: await computeBootDigest([kernel], [initrd]),
    write: async (boot) => {
      const { bootIsMount = false } = boot;
      const entry = kernelEntry({ naming, artifactName: deploymentId, kernelArguments, bootloader, bootIsMount });
      await writeKernelFolder(boot, deploymentId, { kernel, initrd });
      return writeFirstEntry(boot, arrangeEntries([entry], { osId: naming.osId, bootloader })[0]!);
    },
  };
}

async function prepareUnified(
  repository: Repository,
  unified: ImageUnifiedKernel,
  options: FirstBootOptions,
): Promise<FirstBoot> {
  const { decision, warn } = options;
  const { bootloader } = decision;
  if (bootloader === 'grub') {
    throw new CodedError(
      'GRUB_UKI_UNSUPPORTED',
      `${options.source.image} boots a UKI, which grub cannot be set up for`,
      {
        hint: 'set --bootloader systemd, or use an image with its kernel in usr/lib/modules',
      },
    );
  }
  const deployment = await openUnifiedDeployment(repository, unified, { ...options.image, explain: warn });
  const { deploymentId, bytes } = deployment;
  if (!deployment.isMissingVerityAllowed && !supportsVerity(decision.filesystem)) {
    const needs = `the UKI demands fs-verity, which ${decision.filesystem} does not have, so it would not boot`;
    throw new CodedError('UKI_NEEDS_VERITY', needs, { hint: 'set --filesystem ext4 or btrfs' });
  }
  if (deployment.isMissingVerityAllowed !== decision.isMissingVerityAllowed) {
    const mode = deployment.isMissingVerityAllowed ? 'lets fs-verity be missing' : 'demands fs-verity';
    warn(`the UKI ${mode}, whatever the options of this installation say`);
  }
  warnOfIgnoredArguments(options);
  const addons = new Map<string, Buffer>();
  for (const name of options.ukiAddons) addons.set(name, await readFileNode(repository, findAddon(unified, name)));
  const naming = entryNaming(deployment.osRelease, deploymentId);
  const systemdVersion = await readBootctlVersion();
  const entry = unifiedKernelEntry({ naming, deploymentId, bootloader, systemdVersion });
  return {
    deploymentId,
    bootType: 'uki',
    bootDigest: deployment.bootDigest,
    write: async (boot) => {
      await writeUnifiedKernel(boot.espDirectory, deploymentId, { bytes, addons });
      return writeFirstEntry(boot, arrangeEntries([entry], { osId: naming.osId, bootloader })[0]!);
    },
  };
}

// The command line is inside the signed file; the firmware would refuse one that was changed.
function warnOfIgnoredArguments(options: FirstBootOptions): void {
  const { configuration, commandLine, deletes } = options.kernelArguments;
  const ignored = [...configuration, ...commandLine, ...deletes];
  if (ignored.length > 0) options.warn(`a UKI has its own command line, so these have no effect: ${ignored.join(' ')}`);
  if (!options.decision.isDiscoverable) {
    options.warn('a UKI has its own command line, so the root partition has to be found by its type');
  }
}

function findAddon(unified: ImageUnifiedKernel, name: string): Leaf {
  const addon = unified.addons.get(name);
  if (addon !== undefined) return addon;
  const there = [...unified.addons.keys()].join(', ') || 'none';
  throw addonMissing([name], `${unified.fileName} has these addons: ${there}`);
}

function addonMissing(names: readonly string[], why: string): CodedError {
  return new CodedError('UKI_ADDON_MISSING', `there is no addon ${names.join(', ')}: ${why}`, {
    hint: 'name one of /boot/EFI/Linux/NAME.efi.extra.d/ADDON.addon.efi, without the ending',
  });
}
