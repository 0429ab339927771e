import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile, syncFilesystem } from '@workbench/composefs';
import { formatBlsEntry } from '../boot/bls-entry.ts';
import type { NamedEntry } from '../boot/menu-order.ts';
import { initrdFile, kernelFile, kernelFolderName, kernelsDirectory, loaderPaths } from '../boot/names.ts';

/** Writes kernel and initrd to the ESP. After it resolves, both are on disk; no boot entry names them yet. */
export async function writeKernelFolder(
  espMount: string,
  deploymentId: string,
  files: { kernel: Uint8Array; initrd: Uint8Array },
): Promise<void> {
  const folder = join(kernelsDirectory(espMount, 'systemd'), kernelFolderName(deploymentId));
  await mkdir(folder, { recursive: true });
  await replaceFile(folder, kernelFile, files.kernel);
  await replaceFile(folder, initrdFile, files.initrd);
  await syncFilesystem(espMount);
}

/**
 * Writes the only boot entry of a new installation. After it resolves, it is on disk; before, all that it names must be.
 *
 * @returns the name of its file.
 */
export async function writeFirstEntry(espMount: string, { fileName, entry }: NamedEntry): Promise<string> {
  const entries = join(espMount, loaderPaths.entries);
  await mkdir(entries, { recursive: true });
  await replaceFile(entries, fileName, formatBlsEntry(entry));
  return fileName;
}
