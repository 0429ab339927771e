import { join } from 'node:path';
import type { BootLocation } from '../storage/boot-entries.ts';
import { mountAt, readMountTable } from '../storage/mount-table.ts';
import { installByBootupd, isForBootupd } from './bootupd.ts';
import type { InstallDecision } from './decide.ts';
import { installGrub } from './grub.ts';
import { installSystemdBoot } from './systemd-boot.ts';

/** Where the boot loader of a new installation keeps its things. What is mounted at `/boot` of the root is its `/boot`. */
export async function bootLocationOf(
  decision: Pick<InstallDecision, 'bootloader'>,
  mounts: { rootMount: string; espMount: string },
): Promise<BootLocation> {
  const { bootloader } = decision;
  const espDirectory = mounts.espMount;
  if (bootloader !== 'grub') return { bootloader, bootDirectory: espDirectory, espDirectory };
  const bootDirectory = join(mounts.rootMount, 'boot');
  const bootIsMount = mountAt(await readMountTable('/'), bootDirectory) !== undefined;
  return { bootloader, bootDirectory, espDirectory, bootIsMount };
}

/** What the boot loader is installed from and to. */
export interface BootloaderInstallation {
  decision: Pick<InstallDecision, 'bootloader' | 'isGenericImage' | 'skipsBootUuid'>;
  imageRoot: string;
  rootMount: string;
  espMount: string;
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
    await installByBootupd({ imageRoot, rootMount, isGenericImage, skipsBootUuid, ...abort });
  } else if (decision.bootloader === 'grub') {
    await installGrub({ imageRoot, boot: await bootLocationOf(decision, options), ...abort });
  } else {
    await installSystemdBoot({ imageRoot, espMount, isGenericImage, ...abort });
  }
}
