import { join } from 'node:path';
import { bootloaderOfLoaderInfo, loaderInfoVariable } from '../boot/bootloader.ts';
import type { Bootloader } from '../boot/names.ts';
import { readOptionalBytes } from './optional-file.ts';

/** The boot loader that booted the system below `root`; grub when there is no EFI, or it did not say. */
export async function detectBootloader(root: string): Promise<Bootloader> {
  return bootloaderOfLoaderInfo(await readOptionalBytes(join(root, 'sys/firmware/efi/efivars', loaderInfoVariable)));
}
