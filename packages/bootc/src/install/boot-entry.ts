import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile, syncFilesystem } from '@workbench/composefs';
import { type BlsEntry, formatBlsEntry } from '../boot/bls-entry.ts';
import { formatKernelArguments, type KernelArguments } from '../boot/kernel-arguments.ts';
import {
  entryFileName,
  entrySortKey,
  initrdFile,
  kernelEntryPath,
  kernelFile,
  kernelFolderName,
  kernelsDirectory,
  loaderPaths,
} from '../boot/names.ts';
import { entryNaming, type OsRelease } from '../boot/os-release.ts';

/** A boot entry and the name of its file. */
export interface NamedEntry {
  fileName: string;
  entry: BlsEntry;
}

/** The one entry of a new installation with systemd-boot. */
export function firstBootEntry(options: {
  deploymentId: string;
  osRelease: OsRelease;
  kernelArguments: KernelArguments;
}): NamedEntry {
  const { deploymentId } = options;
  const bootloader = 'systemd';
  const { osId, title, version } = entryNaming(options.osRelease, deploymentId);
  const path = (file: string): string => kernelEntryPath(deploymentId, file, { bootloader, bootIsMount: false });
  return {
    fileName: entryFileName({ osId, version, role: 'primary', bootloader }),
    entry: {
      title,
      version,
      target: {
        kind: 'linux',
        linux: path(kernelFile),
        initrds: [path(initrdFile)],
        options: formatKernelArguments(options.kernelArguments),
      },
      sortKey: entrySortKey(osId, 'primary'),
    },
  };
}

/**
 * Writes kernel and initrd to the ESP, then the entry that boots them. When it resolves, all of it is on disk. If it throws or power is
 * lost, there is no entry unless its kernel and initrd are complete.
 */
export async function writeFirstBoot(options: {
  espMount: string;
  deploymentId: string;
  kernel: Uint8Array;
  initrd: Uint8Array;
  entry: NamedEntry;
}): Promise<void> {
  const { espMount, entry } = options;
  const folder = join(kernelsDirectory(espMount, 'systemd'), kernelFolderName(options.deploymentId));
  const entries = join(espMount, loaderPaths.entries);
  await mkdir(folder, { recursive: true });
  await mkdir(entries, { recursive: true });
  await replaceFile(folder, kernelFile, options.kernel);
  await replaceFile(folder, initrdFile, options.initrd);
  await syncFilesystem(espMount);
  await replaceFile(entries, entry.fileName, formatBlsEntry(entry.entry));
}
