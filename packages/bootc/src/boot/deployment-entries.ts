import type { BlsEntry } from './bls-entry.ts';
import { formatKernelArguments, type KernelArguments } from './kernel-arguments.ts';
import type { NamedEntry } from './menu-order.ts';
import {
  type Bootloader,
  entryFileName,
  entrySortKey,
  espPaths,
  initrdFile,
  kernelEntryPath,
  kernelFile,
  unifiedKernelName,
} from './names.ts';
import type { EntryNaming } from './os-release.ts';

/** A deployment that boots with kernel and initrd in files of their own. */
export interface KernelEntryOptions {
  naming: EntryNaming;
  /** The id in the name of the kernel folder: another deployment's when the kernel is shared with it. */
  artifactName: string;
  kernelArguments: KernelArguments;
  bootloader: Bootloader;
  /** `/boot` is a file system of its own; matters to classic grub only. */
  bootIsMount: boolean;
}

/** The boot entry of a deployment with kernel and initrd. It has no place in the menu yet; see {@link arrangeEntries}. */
export function kernelEntry(options: KernelEntryOptions): BlsEntry {
  const path = (file: string): string => kernelEntryPath(options.artifactName, file, options);
  return {
    title: options.naming.title,
    version: options.naming.version,
    target: {
      kind: 'linux',
      linux: path(kernelFile),
      initrds: [path(initrdFile)],
      options: formatKernelArguments(options.kernelArguments),
    },
  };
}

/** The first systemd-boot that knows the key `uki`; older ones start a unified kernel image as any EFI program. */
const firstWithUkiKey = 258;

/**
 * The boot entry of a deployment with a unified kernel image, which brings its command line with it. It has no place in the
 * menu yet; see {@link arrangeEntries}.
 *
 * @param options.systemdVersion major version of the installed systemd-boot, if it is known.
 */
export function unifiedKernelEntry(options: {
  naming: EntryNaming;
  deploymentId: string;
  bootloader: Bootloader;
  systemdVersion: number | undefined;
}): BlsEntry {
  const { naming, systemdVersion = 0 } = options;
  const knowsKey = options.bootloader !== 'grub-cc' && systemdVersion >= firstWithUkiKey;
  const { title, version } = naming;
  return {
    title: version === options.deploymentId ? title : `${title} ${version}`,
    version,
    target: {
      kind: 'efi',
      key: knowsKey ? 'uki' : 'efi',
      path: `/${espPaths.unifiedKernels}/${unifiedKernelName(options.deploymentId)}`,
    },
  };
}

/**
 * Gives entries the file names and sort keys that make the boot loader show them in this order, the first being the default.
 * All get the same id of an operating system, since boot loaders compare it before the place. Everything else of them stays.
 */
export function arrangeEntries(
  entries: readonly BlsEntry[],
  options: { osId: string; bootloader: Bootloader },
): NamedEntry[] {
  const { osId, bootloader } = options;
  return entries.map((entry, index) => {
    const place = { index, count: entries.length };
    return {
      fileName: entryFileName({ osId, version: entry.version, place, bootloader }),
      entry: { ...entry, sortKey: entrySortKey(osId, place) },
    };
  });
}

/** The id of the operating system in the sort key that this program gave to an entry, or undefined if it is not one of those. */
export function osIdOfEntry(entry: BlsEntry): string | undefined {
  return /^bootc-(.+)-[0-9]+$/.exec(entry.sortKey ?? '')?.[1];
}
