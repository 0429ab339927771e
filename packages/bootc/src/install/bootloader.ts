import { join } from 'node:path';
import type { BootLocation } from '../storage/boot-entries.ts';
import { installByBootupd, isForBootupd } from './bootupd.ts';
import type { InstallDecision } from './decide.ts';
import { installGrub } from './grub.ts';
import { installSystemdBoot } from './systemd-boot.ts';

/** Where the file systems of an installation are mounted. */
export interface InstalledMounts {
  rootMount: string;
  /** The mounted ESP; a plain folder does as well. */
  espMount: string;
  /** Where `/boot` is mounted that is a file system of its own; absent: it is a folder of the root. */
  bootMount?: string;
}

/** The `/boot` of an installation. */
function bootFolderOf({ rootMount, bootMount }: Pick<InstalledMounts, 'rootMount' | 'bootMount'>): string {
  return bootMount ?? join(rootMount, 'boot');
}

/** Where the boot loader of a new installation keeps its things. */
export function bootLocationOf(decision: Pick<InstallDecision, 'bootloader'>, mounts: InstalledMounts): BootLocation {
  const { bootloader } = decision;
  const espDirectory = mounts.espMount;
  if (bootloader !== 'grub') return { bootloader, bootDirectory: espDirectory, espDirectory };
  const bootIsMount = mounts.bootMount !== undefined;
  return { bootloader, bootDirectory: bootFolderOf(mounts), espDirectory, bootIsMount };
}

/** What the boot loader is installed from and to. */
export interface BootloaderInstallation extends InstalledMounts {
  decision: Pick<InstallDecision, 'bootloader' | 'isGenericImage' | 'skipsBootUuid'>;
  imageRoot: string;
  signal?: AbortSignal;
}

/**
 * Installs the boot loader that was decided on.
 *
 * @throws CodedError `IMAGE_WITHOUT_SYSTEMD_BOOT`, `IMAGE_WITHOUT_GRUB`, `BOOTUPCTL_MISSING`; CommandError of its tools.
 */
export async function installBootloader(options: BootloaderInstallation): Promise<void> {
  const { decision, imageRoot, rootMount, espMount, signal } = options;
  const { isGenericImage, skipsBootUuid = false } = decision;
  const abort = signal === undefined ? {} : { signal };
  if (decision.bootloader === 'grub' && (await isForBootupd(imageRoot))) {
    const bootFolder = bootFolderOf(options);
    await installByBootupd({ imageRoot, rootMount, bootFolder, isGenericImage, skipsBootUuid, ...abort });
  } else if (decision.bootloader === 'grub') {
    await installGrub({ imageRoot, boot: bootLocationOf(decision, options), ...abort });
  } else {
    await installSystemdBoot({ imageRoot, espMount, isGenericImage, ...abort });
  }
}
