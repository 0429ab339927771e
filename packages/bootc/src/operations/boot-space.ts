import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bootDigestOfFiles } from '../boot/boot-digest.ts';
import { kernelFileNames, modulesDirectory } from '../install/find-kernel.ts';
import { findInLayers, namesInLayers } from '../install/unpacked-layers.ts';
import { findSharedKernel } from '../storage/kernel-folders.ts';
import type { RootModel } from '../storage/root-model.ts';
import { listUnfinishedBootFiles } from '../storage/unfinished-boot-files.ts';
import { unifiedKernelsDirectory } from '../uki/image-unified-kernel.ts';

/**
 * Bytes on the boot partition that nothing active needs: of what is staged now, of what was left over, and of what was not written
 * to its end.
 */
export async function reclaimableBootBytes(model: RootModel): Promise<number> {
  const active = model.entries.filter((entry) => entry.set === 'active');
  const needed = new Set(active.map((entry) => entry.artifactName));
  const unneeded = model.artifacts.filter((artifact) => artifact.hasPrefix && !needed.has(artifact.name));
  const paths = [...unneeded.flatMap((artifact) => artifact.paths), ...(await listUnfinishedBootFiles(model.boot))];
  const sizes = await Promise.all(paths.map(sizeOf));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function sizeOf(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return 0;
  if (!found.isDirectory()) return found.size;
  const sizes = await Promise.all((await readdir(path)).map((name) => sizeOf(join(path, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/**
 * What the kernel of an image, or its unified kernel image, takes on the boot partition at least, found out in its unpacked layers
 * (the topmost first) before anything is imported: nothing when the kernel is there already, undefined when the layers are packed or
 * have none.
 *
 * @param enough room that there is in any case: with that, nothing is read.
 */
export async function foreseenBootBytes(
  folders: readonly string[],
  model: RootModel,
  enough: number,
): Promise<number | undefined> {
  const unified = await findUnifiedKernelFile(folders);
  if (unified !== undefined) return sizeOf(unified);
  const kernel = await findKernelFiles(folders);
  if (kernel === undefined) return undefined;
  const bytes = (await sizeOf(kernel.vmlinuz)) + (await sizeOf(kernel.initramfs));
  if (bytes <= enough) return bytes;
  const digest = await bootDigestOfFiles(kernel.vmlinuz, kernel.initramfs);
  return (await findSharedKernel(model, digest)) === undefined ? bytes : 0;
}

async function findKernelFiles(
  folders: readonly string[],
): Promise<{ vmlinuz: string; initramfs: string } | undefined> {
  for (const version of await namesInLayers(folders, modulesDirectory)) {
    const [vmlinuz, initramfs] = await Promise.all(
      [kernelFileNames.kernel, kernelFileNames.initramfs].map((file) =>
        findInLayers(folders, join(modulesDirectory, version, file)),
      ),
    );
    if (vmlinuz !== undefined && initramfs !== undefined) return { vmlinuz, initramfs };
  }
  return undefined;
}

async function findUnifiedKernelFile(folders: readonly string[]): Promise<string | undefined> {
  const names = await namesInLayers(folders, unifiedKernelsDirectory);
  const name = names.find((candidate) => candidate.endsWith('.efi'));
  return name === undefined ? undefined : await findInLayers(folders, join(unifiedKernelsDirectory, name));
}
