import { type Directory, findNode, type Leaf } from '@workbench/composefs';
import { CodedError } from '@workbench/run';

/** What an image boots with. */
export interface ImageKernel {
  /** Name of the folder in `usr/lib/modules`. */
  version: string;
  vmlinuz: Leaf;
  initramfs: Leaf;
}

/** Where kernels are in an image, relative to its root. */
export const modulesDirectory = 'usr/lib/modules';

/** Files of one version's folder that an image boots with. */
export const kernelFileNames = { kernel: 'vmlinuz', initramfs: 'initramfs.img' } as const;

/**
 * Finds kernel and initramfs in the tree of an image as its layers make it, before `/boot` is emptied. With several
 * kernels it is the first by name. An image with a unified kernel image boots that instead; see `findUnifiedKernel`.
 *
 * @throws CodedError `IMAGE_WITHOUT_KERNEL` when there is no kernel, `IMAGE_WITHOUT_INITRAMFS` when only the kernel is there.
 */
export function findKernel(root: Directory, imageName: string): ImageKernel {
  for (const version of namesIn(root, modulesDirectory)) {
    const vmlinuz = findNode(root, `${modulesDirectory}/${version}/${kernelFileNames.kernel}`);
    if (vmlinuz?.type !== 'file') continue;
    const initramfs = findNode(root, `${modulesDirectory}/${version}/${kernelFileNames.initramfs}`);
    if (initramfs?.type !== 'file') throw withoutInitramfs(imageName, version);
    return { version, vmlinuz, initramfs };
  }
  throw withoutKernel(imageName);
}

/** The error for an image that has no kernel where bootc looks for one. */
export function withoutKernel(imageName: string): CodedError {
  const looked = `${modulesDirectory}/*/${kernelFileNames.kernel}`;
  return new CodedError('IMAGE_WITHOUT_KERNEL', `image has no kernel: ${imageName} has no ${looked}`, {
    hint: `build the image from a bootc base, or install a kernel and move it to ${looked}`,
  });
}

/** The error for an image whose kernel has no initramfs beside it. */
export function withoutInitramfs(imageName: string, version: string): CodedError {
  const path = `${modulesDirectory}/${version}/${kernelFileNames.initramfs}`;
  return new CodedError('IMAGE_WITHOUT_INITRAMFS', `image has no initramfs: ${imageName} has no ${path}`, {
    hint: `make it when the image is built: dracut --no-hostonly --kver ${version} /${path}`,
  });
}

function namesIn(root: Directory, path: string): string[] {
  const node = findNode(root, path);
  return node?.type === 'directory' ? [...node.entries.keys()].sort((a, b) => (a < b ? -1 : 1)) : [];
}
