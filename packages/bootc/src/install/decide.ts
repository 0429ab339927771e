import { CodedError } from '@workbench/run';
import type { ComposefsArgument } from '../boot/kernel-arguments.ts';
import {
  assertRecordable,
  type ImageReference,
  parseTransport,
  type SignatureSource,
} from '../deployment/image-reference.ts';
import { withoutBootupctl } from './bootupd.ts';
import type { InstallConfiguration } from './configuration.ts';
import type { RootFilesystem } from './configuration-schema.ts';
import { supportsVerity } from './file-systems.ts';
import { withoutGrub } from './grub.ts';
import type { CommonInstallOptions, InstallOptions } from './options.ts';
import type { ImageBootloaders } from './source.ts';
import { withoutSystemdBoot } from './systemd-boot.ts';

/** What is known about the source image before anything is written. */
export interface SourceFacts {
  reference: ImageReference;
  /** The image brings bootupd's updates. */
  hasBootupd: boolean;
  /** `bootupctl` is there where this program runs: together with the updates that makes grub the default. */
  canRunBootupd: boolean;
  /** What of boot loaders the image brings; absent where that is not known. */
  bootloaders?: ImageBootloaders;
  /** What the command line of its unified kernel image says of fs-verity; absent where that is not known, or it has none. */
  sealedFor?: Pick<ComposefsArgument, 'isMissingVerityAllowed'>;
}

/** Everything that options, configuration and image decide about an installation. */
export interface InstallDecision {
  filesystem: RootFilesystem;
  bootloader: 'systemd' | 'grub';
  /** Root is found by its partition type, not by a kernel argument. */
  isDiscoverable: boolean;
  /** The system also boots where fs-verity is missing. */
  isMissingVerityAllowed: boolean;
  /** Nothing of this machine's firmware is touched. */
  isGenericImage: boolean;
  /** Bootupd does not write down the UUID of the file system with `/boot`. */
  skipsBootUuid?: boolean;
  target: ImageReference;
  signature: SignatureSource;
}

/** The options that an installation is decided by. */
export type DecisionOptions = CommonInstallOptions & Pick<InstallOptions, 'viaLoopback' | 'blockSetup' | 'filesystem'>;

interface Problem {
  code: string;
  message: string;
  hint: string;
}

/**
 * Decides how to install. Options come before configuration.
 *
 * @throws CodedError that names everything that stands against it at once; its code is that of the first.
 */
export function decideInstallation(
  options: DecisionOptions,
  configuration: InstallConfiguration,
  facts: SourceFacts,
): InstallDecision {
  const problems: Problem[] = [];
  const refuse = (code: string, message: string, hint: string): void => void problems.push({ code, message, hint });

  const blockSetup = options.blockSetup ?? configuration.block[0] ?? 'direct';
  if (!configuration.block.includes(blockSetup)) {
    const allowed = configuration.block.join(', ');
    refuse(
      'BLOCK_SETUP_DISABLED',
      `${blockSetup} is not enabled in installation config`,
      `set --block-setup ${allowed}`,
    );
  } else if (blockSetup !== 'direct') {
    refuse('BLOCK_SETUP_UNSUPPORTED', `block setup ${blockSetup} is not supported yet`, 'set --block-setup direct');
  }
  const filesystem = options.filesystem ?? configuration.rootFilesystem;
  if (filesystem === undefined) {
    refuse('NO_ROOT_FILESYSTEM', 'No root filesystem specified', 'set --filesystem ext4, or filesystem.root.type');
  }
  const bootloader = chooseBootloader(options, configuration, facts);
  if (bootloader === 'none') {
    const message = 'Bootloader set to none is not supported with the composefs backend';
    refuse('BOOTLOADER_NONE', message, 'set --bootloader systemd');
  } else if (bootloader !== 'systemd' && bootloader !== 'grub') {
    refuse('BOOTLOADER_UNSUPPORTED', `boot loader ${bootloader} is not supported yet`, 'set --bootloader systemd');
  }
  const unavailable = whyUnavailable(bootloader, facts);
  if (unavailable !== undefined) refuse(unavailable.code, unavailable.message, unavailable.hint);
  const { sealedFor } = facts;
  if (sealedFor !== undefined && bootloader === 'grub') {
    const message = 'the image boots a UKI, which grub cannot be set up for';
    refuse('GRUB_UKI_UNSUPPORTED', message, 'set --bootloader systemd');
  }
  if (sealedFor?.isMissingVerityAllowed === false && filesystem !== undefined && !supportsVerity(filesystem)) {
    const message = `the UKI of the image demands fs-verity, which ${filesystem} does not have, so it would not boot`;
    refuse('UKI_NEEDS_VERITY', message, 'set --filesystem ext4 or btrfs');
  }
  if (problems.length > 0 || filesystem === undefined) throw refusal(problems);

  return {
    filesystem,
    bootloader: bootloader === 'grub' ? 'grub' : 'systemd',
    // systemd-gpt-auto-generator finds the root only if the boot loader tells which disk it came from.
    isDiscoverable: configuration.discoverablePartitions ?? bootloader === 'systemd',
    // Whether the root is guarded is for a sealed command line to say, which nobody can change.
    isMissingVerityAllowed:
      sealedFor?.isMissingVerityAllowed ?? (options.allowMissingVerity || !supportsVerity(filesystem)),
    isGenericImage: options.genericImage || options.viaLoopback,
    ...(options.skipsBootUuid === true || configuration.skipBootUuid === true ? { skipsBootUuid: true } : {}),
    target: targetReference(options, facts.reference),
    signature:
      options.enforceContainerSigpolicy || configuration.enforceContainerSignaturePolicy === true
        ? 'containerPolicy'
        : 'unverified',
  };
}

/**
 * There is no other backend, but a command line that means one must not get this one instead.
 *
 * @throws CodedError `COMPOSEFS_BACKEND_REQUIRED`.
 */
export function requireComposefsBackend(options: Pick<InstallOptions, 'composefsBackend'>): void {
  if (options.composefsBackend) return;
  throw new CodedError('COMPOSEFS_BACKEND_REQUIRED', 'only the composefs backend can be installed', {
    hint: 'set --composefs-backend',
  });
}

function chooseBootloader(options: DecisionOptions, configuration: InstallConfiguration, facts: SourceFacts): string {
  return (
    options.bootloader ?? configuration.bootloader ?? (facts.hasBootupd && facts.canRunBootupd ? 'grub' : 'systemd')
  );
}

/** Why a boot loader cannot be installed from the image; undefined when it can be, or that is not known yet. */
function whyUnavailable(bootloader: string, { hasBootupd, bootloaders }: SourceFacts): Problem | undefined {
  if (bootloaders === undefined) return undefined;
  const isBootupctlMissing = hasBootupd && !bootloaders.hasBootupctl;
  if (bootloader === 'grub') {
    if (isBootupctlMissing) return { code: 'BOOTUPCTL_MISSING', ...withoutBootupctl };
    return hasBootupd || bootloaders.hasGrub ? undefined : { code: 'IMAGE_WITHOUT_GRUB', ...withoutGrub };
  }
  if (bootloader !== 'systemd' || bootloaders.hasSystemdBoot) return undefined;
  if (!isBootupctlMissing) return { code: 'IMAGE_WITHOUT_SYSTEMD_BOOT', ...withoutSystemdBoot };
  return {
    code: 'BOOTUPCTL_MISSING',
    message: `${withoutBootupctl.message}; nor has it systemd-boot, which is used instead`,
    hint: `install bootupd when the image is built, or ${withoutSystemdBoot.hint}`,
  };
}

/**
 * The reference that later updates come from. A name from a local store is taken to be that of a registry, as it is where
 * images are built on one machine and pushed; a path has a meaning only with its own transport.
 *
 * @throws CodedError `IMAGE_NAME_INVALID`; `IMAGE_PATH_RELATIVE` for a target that is a relative path, since it is one on the
 * installed system, which knows no working directory of now.
 */
export function targetReference(
  options: Pick<InstallOptions, 'targetImgref' | 'targetTransport'>,
  source: ImageReference,
): ImageReference {
  const isPath = source.transport !== 'registry' && source.transport !== 'containers-storage';
  const transport =
    options.targetTransport === undefined
      ? isPath && options.targetImgref === undefined
        ? source.transport
        : 'registry'
      : parseTransport(options.targetTransport);
  return assertRecordable({ transport, image: options.targetImgref ?? source.image });
}

function refusal(problems: readonly Problem[]): CodedError {
  const [first] = problems;
  return new CodedError(first?.code ?? 'INSTALL_REFUSED', problems.map(({ message }) => message).join('; '), {
    hint: [...new Set(problems.map(({ hint }) => hint))].join('\n'),
  });
}
