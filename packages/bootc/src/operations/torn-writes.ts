import { join } from 'node:path';
import { blsMenuName } from '../boot/bls-menu.ts';
import { grubMenu } from '../boot/grub-menu.ts';
import { espPaths, kernelFolderName, kernelsDirectory, loaderPaths } from '../boot/names.ts';
import { deploymentPaths, isDeploymentId, physicalRoot, stagedRecord } from '../deployment/state-paths.ts';
import { stripPrefix } from '../storage/boot-entries.ts';
import { listOptionalDirectory } from '../storage/optional-file.ts';
import type { RootModelSource } from '../storage/root-model.ts';

/**
 * Files that were being written when power was lost: `.NAME.new`, beside a name that this program writes, in a folder that is its
 * own. Nothing reads them. Not while another verb is at work, of course: the caller holds the lock of operations.
 *
 * @returns absolute paths.
 */
export async function findTornWrites(source: RootModelSource): Promise<string[]> {
  const { boot } = source;
  const kernels = kernelsDirectory(boot.bootDirectory, boot.bootloader);
  const kernelFolders = (await listOptionalDirectory(kernels)).filter((name) => isKernelFolder(name));
  const states = (await listOptionalDirectory(join(source.physicalRoot, physicalRoot.deployments))).filter(
    isDeploymentId,
  );
  const places: (readonly [directory: string, isOurs: (name: string) => boolean])[] = [
    [join(boot.bootDirectory, loaderPaths.entries), isEntryFile],
    [join(boot.bootDirectory, loaderPaths.staged), isEntryFile],
    [join(boot.bootDirectory, grubMenu.directory), (name) => name === grubMenu.active || name === grubMenu.staged],
    [kernels, isKernelFolder],
    ...kernelFolders.map((name) => [join(kernels, name), () => true] as const),
    [join(boot.espDirectory, espPaths.unifiedKernels), (name) => isDeploymentId(stripPrefix(name.split('.efi')[0]!))],
    ...states.map((id) => {
      const { directory, originName } = deploymentPaths(source.physicalRoot, id);
      return [directory, (name: string) => name === originName] as const;
    }),
    [join(source.root, stagedRecord.directory), (name) => name === stagedRecord.name],
  ];
  const found: string[] = [];
  for (const [directory, isOurs] of places) {
    for (const name of await listOptionalDirectory(directory)) {
      const written = /^\.(.+)\.new$/.exec(name)?.[1];
      if (written !== undefined && isOurs(written)) found.push(join(directory, name));
    }
  }
  return found;
}

function isEntryFile(name: string): boolean {
  return /^bootc_.*\.conf$/.test(name) || name === blsMenuName;
}

function isKernelFolder(name: string): boolean {
  return isDeploymentId(stripPrefix(name)) && name === kernelFolderName(stripPrefix(name));
}
