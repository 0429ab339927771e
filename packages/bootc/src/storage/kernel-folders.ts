import { join } from 'node:path';
import {
  exchange,
  makeDirectory,
  removeTree,
  renameNoReplace,
  replaceFile,
  syncFilesystem,
} from '@workbench/composefs';
import { bootDigestOfFolder } from '../boot/boot-digest.ts';
import { espPaths, initrdFile, kernelFile, kernelFolderName, kernelsDirectory } from '../boot/names.ts';
import type { BootLocation } from './boot-entries.ts';
import { pathExists } from './optional-file.ts';
import type { RootModel } from './root-model.ts';

/** Ending of a kernel folder that is still being written. */
export const unfinishedEnding = '.new';

/**
 * Writes kernel and initrd of a deployment into a folder of their own, first under another name, and puts it in the place of what is
 * under its own. After it resolves, the folder is on disk, whole. If it throws or power is lost, what was under the name is there as it
 * was, or the new folder is, whole; the other one, or a part of it, may be left under the other name for the garbage collector.
 * So boot entries may name the folder, but while it is written the boot partition holds both.
 */
export async function writeKernelFolder(
  boot: BootLocation,
  deploymentId: string,
  files: { kernel: Uint8Array; initrd: Uint8Array },
): Promise<void> {
  const parent = kernelsDirectory(boot.bootDirectory, boot.bootloader);
  const name = kernelFolderName(deploymentId);
  const unfinished = `${name}${unfinishedEnding}`;
  if (boot.bootloader !== 'grub') {
    for (const path of ['EFI', espPaths.kernels]) makeDirectory(join(boot.bootDirectory, path), 0o755);
  }
  await removeTree(join(parent, unfinished));
  makeDirectory(join(parent, unfinished), 0o755);
  await replaceFile(join(parent, unfinished), kernelFile, files.kernel);
  await replaceFile(join(parent, unfinished), initrdFile, files.initrd);
  await syncFilesystem(boot.bootDirectory);
  const isReplacing = await pathExists(join(parent, name));
  await (isReplacing ? exchange : renameNoReplace)(parent, unfinished, name);
  await syncFilesystem(boot.bootDirectory);
  if (isReplacing) await removeTree(join(parent, unfinished));
}

/**
 * A kernel folder whose content has this boot digest, that an active boot entry names and that therefore stays: the id in its name, or
 * undefined. Only folders are read of which nothing else is known already.
 */
export async function findSharedKernel(model: RootModel, bootDigest: string): Promise<string | undefined> {
  const directory = kernelsDirectory(model.boot.bootDirectory, model.boot.bootloader);
  for (const artifact of model.artifacts) {
    if (artifact.kind !== 'kernel-folder' || !artifact.hasPrefix || !artifact.isComplete) continue;
    const users = model.entries.filter((entry) => entry.set === 'active' && entry.artifactName === artifact.name);
    const known = users.flatMap((entry) => model.deployments.get(entry.deploymentId)?.origin?.bootDigest ?? []);
    if (users.length === 0 || (known.length > 0 && !known.includes(bootDigest))) continue;
    const actual = await bootDigestOfFolder(join(directory, kernelFolderName(artifact.name))).catch(() => undefined);
    if (actual === bootDigest) return artifact.name;
  }
  return undefined;
}
