import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, replaceFile, syncFilesystem } from '@workbench/composefs';
import { addonFolderName, espPaths, unifiedKernelName } from '../boot/names.ts';
import { addonEnding } from '../uki/image-unified-kernel.ts';
import { listOptionalDirectory } from './optional-file.ts';

/** A unified kernel image as it lies on the ESP. */
export interface UnifiedKernelFiles {
  bytes: Uint8Array;
  /** Content of its addons by name, without ending. */
  addons: ReadonlyMap<string, Uint8Array>;
}

/**
 * Writes a deployment's unified kernel image to the ESP, its addons first. After it resolves, all of it is on disk. If it throws
 * or power is lost, any of the files may be missing, but none is there in part; no boot entry names them yet.
 */
export async function writeUnifiedKernel(
  espDirectory: string,
  deploymentId: string,
  files: UnifiedKernelFiles,
): Promise<void> {
  const directory = join(espDirectory, espPaths.unifiedKernels);
  for (const path of ['EFI', espPaths.kernels, espPaths.unifiedKernels]) makeDirectory(join(espDirectory, path), 0o755);
  if (files.addons.size > 0) {
    const addons = join(directory, addonFolderName(deploymentId));
    makeDirectory(addons, 0o755);
    for (const [name, bytes] of files.addons) await replaceFile(addons, `${name}${addonEnding}`, bytes);
  }
  await replaceFile(directory, unifiedKernelName(deploymentId), files.bytes);
  await syncFilesystem(espDirectory);
}

/** The addons that a deployment's unified kernel image has on the ESP. */
export async function readInstalledAddons(espDirectory: string, artifactName: string): Promise<Map<string, Buffer>> {
  const directory = join(espDirectory, espPaths.unifiedKernels, addonFolderName(artifactName));
  const names = (await listOptionalDirectory(directory)).filter((name) => name.endsWith(addonEnding));
  const contents = names.map(async (name) => [
    name.slice(0, -addonEnding.length),
    await readFile(join(directory, name)),
  ]);
  return new Map((await Promise.all(contents)) as [string, Buffer][]);
}
