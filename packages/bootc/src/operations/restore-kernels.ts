import { join } from 'node:path';
import { bootDigestOfFolder, computeBootDigest } from '../boot/boot-digest.ts';
import { kernelFolderName, kernelsDirectory } from '../boot/names.ts';
import { findKernel, modulesDirectory } from '../install/find-kernel.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { writeKernelFolder } from '../storage/kernel-folders.ts';
import type { RootModel } from '../storage/root-model.ts';

/** A kernel folder that active boot entries name, which is damaged, and what it should hold. */
export interface KernelRestoration {
  /** The id in its name. */
  artifactName: string;
  path: string;
  kernel: Buffer;
  initrd: Buffer;
}

/**
 * Finds kernel folders that active boot entries name and that lack a file, or with `withContents`, which reads all of them, do
 * not have the recorded boot digest; each with the right content, from the image of a deployment that boots it. A folder for which
 * no image has content of the recorded digest is left out: nobody knows then what it should hold.
 */
export async function planKernelRestorations(
  storage: BootedStorage,
  model: RootModel,
  { withContents }: { withContents: boolean },
): Promise<KernelRestoration[]> {
  const directory = kernelsDirectory(model.boot.bootDirectory, model.boot.bootloader);
  const active = model.entries.filter(({ set, entry }) => set === 'active' && entry.target.kind === 'linux');
  const restorations: KernelRestoration[] = [];
  for (const artifactName of new Set(active.map((entry) => entry.artifactName))) {
    const users = active.filter((entry) => entry.artifactName === artifactName);
    const path = join(directory, kernelFolderName(artifactName));
    // Not one that still has the name that bootc 1.13 gave it: that is for the migration.
    if (!users.every(({ entry }) => JSON.stringify(entry.target).includes(kernelFolderName(artifactName)))) continue;
    const digests = users.flatMap(({ deploymentId }) => model.deployments.get(deploymentId)?.origin?.bootDigest ?? []);
    const isWhole = users.every(({ missingFiles }) => missingFiles.length === 0);
    if (isWhole && !(withContents && (await isChanged(path, digests)))) continue;
    for (const { deploymentId } of users) {
      const content = await readKernel(storage, deploymentId).catch(() => undefined);
      if (content === undefined) continue;
      if (!digests.includes(await computeBootDigest([content.kernel], [content.initrd]))) continue;
      restorations.push({ artifactName, path, ...content });
      break;
    }
  }
  return restorations;
}

async function isChanged(path: string, digests: readonly string[]): Promise<boolean> {
  const actual = await bootDigestOfFolder(path).catch(() => '');
  return digests.length > 0 && !digests.includes(actual);
}

/** Kernel and initrd as they are in the image of a deployment. @throws CodedError when the repository has not got them. */
export async function readKernel(
  storage: BootedStorage,
  deploymentId: string,
): Promise<{ kernel: Buffer; initrd: Buffer }> {
  const { readFileNode, readImagePart } = await import('@workbench/composefs');
  const repository = await storage.openRepository();
  const { vmlinuz, initramfs } = findKernel(readImagePart(repository, deploymentId, [modulesDirectory]), deploymentId);
  return {
    kernel: await readFileNode(repository, vmlinuz),
    initrd: await readFileNode(repository, initramfs),
  };
}

/**
 * Puts kernels back. After it resolves, all are on disk. If it throws or power is lost, the folder it was at is as it was, damaged, or
 * whole; the next call goes on.
 */
export async function restoreKernels(
  storage: Pick<BootedStorage, 'boot'>,
  restorations: readonly KernelRestoration[],
): Promise<void> {
  for (const { artifactName, kernel, initrd } of restorations) {
    await writeKernelFolder(storage.boot, artifactName, { kernel, initrd });
  }
}
