import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CodedError, run } from '@workbench/run';

/** The kernel of an image, which its installer boots. */
export interface ImageKernel {
  /** Version: what `uname -r` says, and the folder's name below `usr/lib/modules`. */
  version: string;
  kernelFile: string;
  /** Its initramfs, if there is one. */
  initramfsFile: string | undefined;
  /** The kernel can mount a virtiofs root file system by itself: driver, bus and file system are compiled in. */
  hasBuiltinVirtiofs: boolean;
}

const neededForVirtiofsRoot = ['virtio_pci', 'virtiofs'];

/**
 * Finds the kernel of a mounted image where bootable containers keep it: in a unified kernel image in `boot/EFI/Linux`,
 * which is unpacked into `folder`, else in `usr/lib/modules/VERSION/vmlinuz`.
 *
 * @throws CodedError IMAGE_WITHOUT_KERNEL if there is none, IMAGE_WITH_KERNELS if there is more than one: which one such
 * an image boots is not for us to guess; CommandError if the unified kernel image cannot be unpacked.
 */
export async function findKernel(imageRoot: string, reference: string, folder: string): Promise<ImageKernel> {
  return (await unpackUnifiedKernel(imageRoot, folder)) ?? findLooseKernel(imageRoot, reference);
}

async function unpackUnifiedKernel(imageRoot: string, folder: string): Promise<ImageKernel | undefined> {
  const directory = join(imageRoot, 'boot/EFI/Linux');
  const names = existsSync(directory) ? readdirSync(directory).filter((file) => file.endsWith('.efi')) : [];
  const [name] = names.sort();
  if (name === undefined) return undefined;
  const at = (section: string): string => join(folder, `unified.${section}`);
  const sections = ['linux', 'initrd', 'uname'];
  const dumps = sections.map((section) => `--dump-section=.${section}=${at(section)}`);
  // objcopy(1) always writes a result, too; over the input if it is not told where.
  await run(['objcopy', ...dumps, join(directory, name), at('efi')], { step: `unpack ${name} (package binutils)` });
  rmSync(at('efi'));
  const version = readFileSync(at('uname'), 'utf8').replace(/\0.*$/s, '').trim();
  return {
    version,
    kernelFile: at('linux'),
    initramfsFile: at('initrd'),
    hasBuiltinVirtiofs: hasBuiltinVirtiofs(
      readIfThere(join(imageRoot, 'usr/lib/modules', basename(version), 'modules.builtin')),
    ),
  };
}

function findLooseKernel(imageRoot: string, reference: string): ImageKernel {
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
