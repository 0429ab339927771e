import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CodedError } from '@workbench/run';

/** The kernel of an image, which its installer boots. */
export interface ImageKernel {
  /** Version: the folder's name below `usr/lib/modules`. */
  version: string;
  kernelFile: string;
  /** The initramfs beside it, if there is one. */
  initramfsFile: string | undefined;
  /** The kernel can mount a virtiofs root file system by itself: driver, bus and file system are compiled in. */
  hasBuiltinVirtiofs: boolean;
}

const neededForVirtiofsRoot = ['virtio_pci', 'virtiofs'];

/**
 * Finds the kernel of a mounted image where bootable containers keep it: `usr/lib/modules/VERSION/vmlinuz`.
 *
 * @throws CodedError IMAGE_WITHOUT_KERNEL if there is none, IMAGE_WITH_KERNELS if there is more than one: which one such
 * an image boots is not for us to guess.
 */
export function findKernel(imageRoot: string, reference: string): ImageKernel {
  const modules = join(imageRoot, 'usr/lib/modules');
  const versions = existsSync(modules) ? readdirSync(modules).sort() : [];
  const found = versions.filter((version) => existsSync(join(modules, version, 'vmlinuz')));
  const [version, ...others] = found;
  if (version === undefined) {
    throw new CodedError('IMAGE_WITHOUT_KERNEL', `image ${reference} has no /usr/lib/modules/VERSION/vmlinuz`, {
      hint: 'it is no bootable container image: build one from a bootc base',
    });
  }
  if (others.length > 0) {
    throw new CodedError('IMAGE_WITH_KERNELS', `image ${reference} has more than one kernel: ${found.join(', ')}`, {
      hint: 'a bootable container image has exactly one',
    });
  }
  const folder = join(modules, version);
  const initramfsFile = join(folder, 'initramfs.img');
  return {
    version,
    kernelFile: join(folder, 'vmlinuz'),
    initramfsFile: existsSync(initramfsFile) ? initramfsFile : undefined,
    hasBuiltinVirtiofs: hasBuiltinVirtiofs(readIfThere(join(folder, 'modules.builtin'))),
  };
}

/** Whether a kernel's `modules.builtin` (kbuild's list of what is compiled in) has all a virtiofs root needs. */
export function hasBuiltinVirtiofs(modulesBuiltin: string): boolean {
  const names = new Set(modulesBuiltin.split('\n').map((line) => /([^/]+)\.ko$/.exec(line)?.[1]?.replaceAll('-', '_')));
  return neededForVirtiofsRoot.every((name) => names.has(name));
}

/** SHA-256 of a file, in hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
