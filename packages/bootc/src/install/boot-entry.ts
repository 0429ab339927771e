import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile, syncFilesystem } from '@workbench/composefs';
import { formatBlsEntry } from '../boot/bls-entry.ts';
import { arrangeEntries, kernelEntry } from '../boot/deployment-entries.ts';
import type { KernelArguments } from '../boot/kernel-arguments.ts';
import type { NamedEntry } from '../boot/menu-order.ts';
import { initrdFile, kernelFile, kernelFolderName, kernelsDirectory, loaderPaths } from '../boot/names.ts';
import { entryNaming, type OsRelease } from '../boot/os-release.ts';

/** The one entry of a new installation with systemd-boot. */
export function firstBootEntry(options: {
  deploymentId: string;
  osRelease: OsRelease;
  kernelArguments: KernelArguments;
}): NamedEntry {
  const { deploymentId, kernelArguments } = options;
  const naming = entryNaming(options.osRelease, deploymentId);
  const bootloader = 'systemd';
  const entry = kernelEntry({ naming, artifactName: deploymentId, kernelArguments, bootloader, bootIsMount: false });
  return arrangeEntries([entry], { osId: naming.osId, bootloader })[0]!;
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
