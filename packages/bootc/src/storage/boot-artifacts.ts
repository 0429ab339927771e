import { join } from 'node:path';
import {
  bootArtifactPrefix,
  espPaths,
  initrdFile,
  kernelFile,
  kernelFolderName,
  kernelsDirectory,
} from '../boot/names.ts';
import { isDeploymentId } from '../deployment/state-paths.ts';
import { type BootLocation, stripPrefix } from './boot-entries.ts';
import { listOptionalDirectory, pathExists } from './optional-file.ts';

/** A kernel folder, or a unified kernel image with its addons, on the boot partition. */
export interface BootArtifact {
  kind: 'kernel-folder' | 'unified-kernel';
  /** The id in its name. */
  name: string;
  /** Everything that belongs to it, each a file or a folder. */
  paths: readonly string[];
  /** Names without the prefix are those of bootc 1.13; they are left alone until they have been renamed. */
  hasPrefix: boolean;
  /** Whether kernel and initrd are both there; always so for a unified kernel image. */
  isComplete: boolean;
}

/** All boot artifacts of this program on a system, in the order of their names. */
export async function scanBootArtifacts(location: BootLocation): Promise<BootArtifact[]> {
  return [...(await scanKernelFolders(location)), ...(await scanUnifiedKernels(location))];
}

async function scanKernelFolders(location: BootLocation): Promise<BootArtifact[]> {
  const directory = kernelsDirectory(location.bootDirectory, location.bootloader);
  const names = (await listOptionalDirectory(directory)).filter((name) => isDeploymentId(stripPrefix(name)));
  return Promise.all(
    names.map(async (name): Promise<BootArtifact> => {
      const path = join(directory, name);
      const present = await Promise.all([kernelFile, initrdFile].map((file) => pathExists(join(path, file))));
      return {
        kind: 'kernel-folder',
        name: stripPrefix(name),
        paths: [path],
        hasPrefix: name === kernelFolderName(stripPrefix(name)),
        isComplete: !present.includes(false),
      };
    }),
  );
}

async function scanUnifiedKernels(location: BootLocation): Promise<BootArtifact[]> {
  const directory = join(location.espDirectory, espPaths.unifiedKernels);
  const names = await listOptionalDirectory(directory);
  return names
    .filter((name) => name.endsWith('.efi') && isDeploymentId(stripPrefix(name.slice(0, -'.efi'.length))))
    .map((name) => {
      const addons = names.filter((other) => other === `${name}.extra.d`);
      return {
        kind: 'unified-kernel' as const,
        name: stripPrefix(name.slice(0, -'.efi'.length)),
        paths: [name, ...addons].map((path) => join(directory, path)),
        hasPrefix: name.startsWith(bootArtifactPrefix),
        isComplete: true,
      };
    });
}
