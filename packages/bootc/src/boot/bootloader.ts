import { CodedError } from '@workbench/run';
import type { Bootloader } from './names.ts';

/** EFI variables with which a boot loader introduces itself (systemd Boot Loader Interface), as files of efivarfs. */
export const loaderInfoVariable = 'LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';
export const loaderPartitionVariable = 'LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';

/**
 * The boot loader that booted the system, from the raw bytes of the variable (four bytes of attributes, then UTF-16LE),
 * or undefined when there is no such variable. Grub sets it too when its `bli` module is loaded.
 *
 * @throws CodedError `LOADER_INFO_INVALID` for an odd number of bytes.
 */
export function bootloaderOfLoaderInfo(variable: Uint8Array | undefined): Bootloader {
  if (variable === undefined) return 'grub';
  if (variable.length % 2 !== 0) {
    throw new CodedError('LOADER_INFO_INVALID', `the EFI variable ${loaderInfoVariable} has an odd number of bytes`, {
      hint: 'the firmware or the boot loader wrote it wrongly; update it',
    });
  }
  const info = Buffer.from(variable).toString('utf16le').toLowerCase();
  if (info.includes('systemd-boot')) return 'systemd';
  return info.includes('grub cc') ? 'grub-cc' : 'grub';
}

/**
 * The UUID in the partition table of the EFI system partition that the boot loader was started from, in small letters, from the raw bytes
 * of the variable; undefined when there is none, or it holds something else.
 */
export function partitionOfLoader(variable: Uint8Array | undefined): string | undefined {
  const text = Buffer.from(variable?.subarray(4) ?? []).toString('utf16le');
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i.exec(text)?.[0].toLowerCase();
}

/** Whether the boot loader reads its entries from the ESP. Classic grub reads them from `/boot`. */
export function readsEntriesFromEsp(bootloader: Bootloader): boolean {
  return bootloader !== 'grub';
}
