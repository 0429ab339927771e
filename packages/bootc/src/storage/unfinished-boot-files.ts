import { join } from 'node:path';
import { bootArtifactPrefix, espPaths, kernelsDirectory } from '../boot/names.ts';
import { isDeploymentId } from '../deployment/state-paths.ts';
import type { BootLocation } from './boot-entries.ts';
import { unfinishedEnding } from './kernel-folders.ts';
import { listOptionalDirectory } from './optional-file.ts';

/**
 * Files and folders on the boot partition that were not written to their end, by path: kernel folders under their first name, unified
 * kernel images under that of `replaceFile`, and addons whose image never came. Only whoever holds the lock of operations can tell that
 * nobody is still writing them.
 */
export async function listUnfinishedBootFiles(boot: BootLocation): Promise<string[]> {
  const kernels = kernelsDirectory(boot.bootDirectory, boot.bootloader);
  const unified = join(boot.espDirectory, espPaths.unifiedKernels);
  const unifiedNames = await listOptionalDirectory(unified);
  const isOfDeployment = (name: string, before: string, after: string): boolean =>
    name.startsWith(before) && name.endsWith(after) && isDeploymentId(name.slice(before.length, -after.length));
  return [
    ...(await listOptionalDirectory(kernels))
      .filter((name) => isOfDeployment(name, bootArtifactPrefix, unfinishedEnding))
      .map((name) => join(kernels, name)),
    ...unifiedNames
      .filter(
        (name) =>
          isOfDeployment(name, `.${bootArtifactPrefix}`, '.efi.new') ||
          (isOfDeployment(name, bootArtifactPrefix, '.efi.extra.d') &&
            !unifiedNames.includes(name.slice(0, -'.extra.d'.length))),
      )
      .map((name) => join(unified, name)),
  ];
}
