import { inspectSource } from '@workbench/composefs';
import type { ComposefsArgument } from '../boot/kernel-arguments.ts';
import {
  formatTransportReference,
  type ImageReference,
  parseTransportReference,
  withAbsolutePath,
} from '../deployment/image-reference.ts';
import { windowOfFile } from '../uki/byte-window.ts';
import { unifiedKernelsDirectory } from '../uki/image-unified-kernel.ts';
import { readUnifiedKernel } from '../uki/unified-kernel.ts';
import { bootupdProgram, bootupdUpdates } from './bootupd.ts';
import { kernelFileNames, modulesDirectory, withoutInitramfs, withoutKernel } from './find-kernel.ts';
import { grubProgram } from './grub.ts';
import { systemdBootDirectory } from './systemd-boot.ts';
import { findInLayers, namesInLayers } from './unpacked-layers.ts';

/** What of boot loaders an image brings. */
export interface ImageBootloaders {
  hasSystemdBoot: boolean;
  /** A grub that is installed without bootupd. */
  hasGrub: boolean;
  /** The program that installs what the image has for bootupd. */
  hasBootupctl: boolean;
}

/** An image that is going to be installed, as far as it can be known without importing it. */
export interface SourceImage {
  reference: ImageReference;
  manifestDigest: string;
  /** Room that an installation takes, at least. */
  neededBytes: number;
  /** The image brings bootupd's updates. */
  hasBootupd: boolean;
  /** What of boot loaders the image brings; absent where that is known only after the import. */
  bootloaders?: ImageBootloaders;
  /** The deployment that its unified kernel image boots; absent where it has none, or that is known only after the import. */
  sealedFor?: ComposefsArgument;
}

/** What is not in the layers: block rounding and Merkle trees of the objects, two EROFS images, the copies of /etc and /var. */
const overhead = { factor: 1.06, bytes: 64 * 1024 * 1024 };

/**
 * The image that is installed, as the command line names it. A path becomes an absolute one, since it is what the installed system
 * follows unless another target is given.
 *
 * @throws CodedError `IMAGE_REFERENCE_INVALID`.
 */
export function parseSource(text: string): ImageReference {
  return withAbsolutePath(parseTransportReference(text), process.cwd());
}

/**
 * Looks at the source before anything is written. In container storage its files lie open, so an image that cannot boot is
 * found out here; in an OCI layout they are packed, and that is found out after the import.
 *
 * @throws CodedError `IMAGE_WITHOUT_KERNEL`, `IMAGE_WITHOUT_INITRAMFS`, `PE_INVALID`, `UKI_INVALID`; what opening the source throws.
 */
export async function inspectSourceImage(reference: ImageReference): Promise<SourceImage> {
  const { manifestDigest, layersBytes, folders } = await inspectSource(formatTransportReference(reference));
  const sealedFor = folders.length > 0 ? await assertBootable(folders, reference.image) : undefined;
  return {
    reference,
    manifestDigest,
    neededBytes: Math.ceil(layersBytes * overhead.factor) + overhead.bytes,
    hasBootupd: await hasPath(folders, bootupdUpdates),
    ...(folders.length === 0 ? {} : { bootloaders: await findBootloaders(folders) }),
    ...(sealedFor === undefined ? {} : { sealedFor }),
  };
}

async function findBootloaders(folders: readonly string[]): Promise<ImageBootloaders> {
  return {
    hasSystemdBoot: (await namesInLayers(folders, systemdBootDirectory)).length > 0,
    hasGrub: await hasPath(folders, grubProgram),
    hasBootupctl: await hasPath(folders, bootupdProgram),
  };
}

/**
 * Makes sure that unpacked layers, the topmost first, have a unified kernel image, or a kernel with its initramfs.
 *
 * @returns the deployment that the unified kernel image boots; undefined without one.
 * @throws CodedError as {@link inspectSourceImage}.
 */
export async function assertBootable(
  folders: readonly string[],
  imageName: string,
): Promise<ComposefsArgument | undefined> {
  for (const name of await namesInLayers(folders, unifiedKernelsDirectory)) {
    if (name.endsWith('.efi')) return readSealedFor(folders, `${unifiedKernelsDirectory}/${name}`);
  }
  for (const version of await namesInLayers(folders, modulesDirectory)) {
    const directory = `${modulesDirectory}/${version}`;
    if (!(await hasPath(folders, `${directory}/${kernelFileNames.kernel}`))) continue;
    if (await hasPath(folders, `${directory}/${kernelFileNames.initramfs}`)) return undefined;
    throw withoutInitramfs(imageName, version);
  }
  throw withoutKernel(imageName);
}

async function readSealedFor(folders: readonly string[], path: string): Promise<ComposefsArgument | undefined> {
  const found = await findInLayers(folders, path);
  if (found === undefined) return undefined;
  using file = windowOfFile(found);
  return readUnifiedKernel(file, `/${path}`).composefs;
}

async function hasPath(folders: readonly string[], path: string): Promise<boolean> {
  return (await findInLayers(folders, path)) !== undefined;
}
