import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bootDigestOfFiles } from '../boot/boot-digest.ts';
import { kernelFileNames, modulesDirectory } from '../install/find-kernel.ts';
import { findSharedKernel } from '../storage/kernel-folders.ts';
import type { RootModel } from '../storage/root-model.ts';

/** Bytes on the boot partition that nothing active needs: of what is staged now, and of what was left over. */
export async function reclaimableBootBytes(model: RootModel): Promise<number> {
  const active = model.entries.filter((entry) => entry.set === 'active');
  const needed = new Set(active.map((entry) => entry.artifactName));
  const unneeded = model.artifacts.filter((artifact) => artifact.hasPrefix && !needed.has(artifact.name));
  const sizes = await Promise.all(unneeded.flatMap(({ paths }) => paths.map(sizeOf)));
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
 * What the kernel of an image takes on the boot partition, found out in its unpacked layers (the topmost first) before anything is
 * imported: nothing when it is there already, undefined when the layers are packed or there is no such kernel in them.
 *
 * @param enough room that there is in any case: with that, nothing is read.
 */
export async function foreseenKernelBytes(
  folders: readonly string[],
  model: RootModel,
  enough: number,
): Promise<number | undefined> {
  const kernel = await findKernelFiles(folders);
  if (kernel === undefined) return undefined;
  const bytes = (await sizeOf(kernel.vmlinuz)) + (await sizeOf(kernel.initramfs));
  if (bytes <= enough) return bytes;
  const digest = await bootDigestOfFiles(kernel.vmlinuz, kernel.initramfs);
  return (await findSharedKernel(model, digest)) === undefined ? bytes : 0;
}

// Layers that remove a kernel are not looked for: the import finds that out.
async function findKernelFiles(
  folders: readonly string[],
): Promise<{ vmlinuz: string; initramfs: string } | undefined> {
  const versions = new Set<string>();
  for (const folder of folders) {
    for (const name of await readdir(join(folder, modulesDirectory)).catch(() => [])) versions.add(name);
  }
  for (const version of [...versions].sort()) {
    const [vmlinuz, initramfs] = await Promise.all(
      [kernelFileNames.kernel, kernelFileNames.initramfs].map((file) =>
        topmost(folders, join(modulesDirectory, version, file)),
      ),
    );
    if (vmlinuz !== undefined && initramfs !== undefined) return { vmlinuz, initramfs };
  }
  return undefined;
}

async function topmost(folders: readonly string[], path: string): Promise<string | undefined> {
  for (const folder of folders) {
    const found = await lstat(join(folder, path)).catch(() => undefined);
    if (found?.isFile() === true) return join(folder, path);
  }
  return undefined;
}
