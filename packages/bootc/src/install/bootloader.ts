import { join } from 'node:path';
import type { BootLocation } from '../storage/boot-entries.ts';
import type { InstallDecision } from './decide.ts';
import { installGrub } from './grub.ts';
import { installSystemdBoot } from './systemd-boot.ts';

/** Where the boot loader of a new installation keeps its things. */
export function bootLocationOf(
  decision: Pick<InstallDecision, 'bootloader'>,
  mounts: { rootMount: string; espMount: string },
): BootLocation {
  const { bootloader } = decision;
  const bootDirectory = bootloader === 'grub' ? join(mounts.rootMount, 'boot') : mounts.espMount;
  return { bootloader, bootDirectory, espDirectory: mounts.espMount };
}

/** What the boot loader is installed from and to. */
export interface BootloaderInstallation {
  decision: Pick<InstallDecision, 'bootloader' | 'isGenericImage'>;
  imageRoot: string;
  rootMount: string;
  espMount: string;
  signal?: AbortSignal;
}

/**
 * Installs the boot loader that was decided on.
 *
 * @throws CodedError `IMAGE_WITHOUT_SYSTEMD_BOOT`, `IMAGE_WITHOUT_GRUB`; CommandError of its tools.
 */
export async function installBootloader(options: BootloaderInstallation): Promise<void> {
  const { decision, imageRoot, espMount, signal } = options;
  const abort = signal === undefined ? {} : { signal };
  if (decision.bootloader === 'grub') {
    const { bootDirectory } = bootLocationOf(decision, options);
    await installGrub({ imageRoot, espMount, bootDirectory, ...abort });
  } else {
    await installSystemdBoot({ imageRoot, espMount, isGenericImage: decision.isGenericImage, ...abort });
  }
}
