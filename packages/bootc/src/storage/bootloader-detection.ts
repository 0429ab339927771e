import { join } from 'node:path';
import {
  bootloaderOfLoaderInfo,
  loaderInfoVariable,
  loaderPartitionVariable,
  partitionOfLoader,
} from '../boot/bootloader.ts';
import type { Bootloader } from '../boot/names.ts';
import { readOptionalBytes } from './optional-file.ts';

/** The boot loader that booted the system below `root`; grub when there is no EFI, or it did not say. */
export async function detectBootloader(root: string): Promise<Bootloader> {
  return bootloaderOfLoaderInfo(await readVariable(root, loaderInfoVariable));
}

/** The partition that the boot loader of the system below `root` was started from, as `partitionOfLoader` tells it. */
export async function detectLoaderPartition(root: string): Promise<string | undefined> {
  // Firmware that does not tell is no reason to fail: there is mostly one anyway.
  return partitionOfLoader(await readVariable(root, loaderPartitionVariable).catch(() => undefined));
}

function readVariable(root: string, name: string): Promise<Buffer | undefined> {
  return readOptionalBytes(join(root, 'sys/firmware/efi/efivars', name));
}
