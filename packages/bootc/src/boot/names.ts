import { join, posix } from 'node:path';

/** What the names of all kernels and unified kernel images of this program begin with. */
export const bootArtifactPrefix = 'bootc_composefs-';

/** A boot loader this program can set up. `grub-cc` reads entries from the ESP, classic `grub` from `/boot`. */
export type Bootloader = 'grub' | 'grub-cc' | 'systemd';

/** Where a boot entry stands among those of this program in the menu: index 0 is the default, the others to fall back to. */
export interface EntryPlace {
  index: number;
  count: number;
}

/** Folders on the EFI system partition, relative to it. */
export const espPaths = {
  /** Folders with kernel and initrd of systemd-boot and grub-cc. */
  kernels: 'EFI/Linux',
  /** Unified kernel images. Not a folder that systemd-boot scans, so that only our entries are in the menu. */
  unifiedKernels: 'EFI/Linux/bootc',
} as const;

/** Folders of boot entries, relative to the boot folder (the ESP, or `/boot` for classic grub). */
export const loaderPaths = {
  directory: 'loader',
  entries: 'loader/entries',
  staged: 'loader/entries.staged',
  entriesName: 'entries',
  stagedName: 'entries.staged',
} as const;

/** Names inside a kernel folder. */
export const kernelFile = 'vmlinuz';
export const initrdFile = 'initrd';

/** Folder name of a deployment's kernel and initrd. */
export function kernelFolderName(deploymentId: string): string {
  return `${bootArtifactPrefix}${deploymentId}`;
}

/** File name of a deployment's unified kernel image. */
export function unifiedKernelName(deploymentId: string): string {
  return `${bootArtifactPrefix}${deploymentId}.efi`;
}

/** Folder of the addons of a unified kernel image, beside it (systemd-stub(7)). */
export function addonFolderName(deploymentId: string): string {
  return `${unifiedKernelName(deploymentId)}.extra.d`;
}

/** Where kernel folders are, in the boot folder of this boot loader. */
export function kernelsDirectory(bootDirectory: string, bootloader: Bootloader): string {
  return bootloader === 'grub' ? bootDirectory : join(bootDirectory, espPaths.kernels);
}

/**
 * The absolute path of kernel or initrd as a boot entry names it: from the root of the ESP, or for classic grub from
 * the root of the file system that holds `/boot`.
 */
export function kernelEntryPath(
  deploymentId: string,
  file: string,
  options: { bootloader: Bootloader; bootIsMount: boolean },
): string {
  const base = options.bootloader === 'grub' ? (options.bootIsMount ? '/' : '/boot') : `/${espPaths.kernels}`;
  return posix.join(base, kernelFolderName(deploymentId), file);
}

/**
 * File name of a boot entry. Of two entries the default has the priority 1 and the other 0, as bootc has always had it; with
 * more the numbers begin higher.
 *
 * Grub does not read the fields of an entry: it takes the file name apart like that of an RPM package and sorts name,
 * version and release downwards. So for grub the priority is at the front of the name, or an entry with a newer version would
 * be the default whatever its place. systemd-boot goes by the sort key, and its names are those bootc has always had.
 */
export function entryFileName(options: {
  osId: string;
  version: string;
  place: EntryPlace;
  bootloader: Bootloader;
}): string {
  const { index, count } = options.place;
  const priority = Math.max(count, 2) - 1 - index;
  const osId = safeInFileName(options.osId.replaceAll('-', '_'));
  const name = options.bootloader === 'systemd' ? `bootc_${osId}` : `bootc_${priority}_${osId}`;
  return `${name}-${safeInFileName(options.version)}-${priority}.conf`;
}

// What VFAT cannot hold in a name, and the slash.
function safeInFileName(text: string): string {
  return text.replaceAll(/["*/:<>?\\|\x00-\x1f ]/g, '_');
}

/** The `sort-key` of an entry; systemd-boot sorts it upwards. */
export function entrySortKey(osId: string, place: EntryPlace): string {
  return `bootc-${osId}-${place.index}`;
}
