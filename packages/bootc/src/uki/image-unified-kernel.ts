import { type Directory, findNode, type Leaf } from '@workbench/composefs';

/** Where an image keeps unified kernel images, relative to its root. */
export const unifiedKernelsDirectory = 'boot/EFI/Linux';

/** Ending of the files with parts that are added to a unified kernel image when it boots (systemd-stub(7)). */
export const addonEnding = '.addon.efi';

/** The unified kernel image that an image boots with. */
export interface ImageUnifiedKernel {
  /** `VERSION.efi`. */
  fileName: string;
  file: Leaf;
  /** The tree it was sealed for, as a dumpfile, if the image brings it: `/boot/VERSION.dump`. */
  dump?: Leaf;
  /** By the name that `--uki-addon` takes, without ending. */
  addons: ReadonlyMap<string, Leaf>;
}

/**
 * Finds the unified kernel image in the tree of an image as its layers make it, before `/boot` is emptied; of several it is
 * the first by name.
 */
export function findUnifiedKernel(root: Directory): ImageUnifiedKernel | undefined {
  const directory = findNode(root, unifiedKernelsDirectory);
  if (directory?.type !== 'directory') return undefined;
  const names = [...directory.entries.keys()].filter((name) => name.endsWith('.efi')).sort();
  for (const fileName of names) {
    const file = directory.entries.get(fileName);
    if (file?.type !== 'file') continue;
    const dump = findNode(root, `boot/${fileName.slice(0, -'.efi'.length)}.dump`);
    return {
      fileName,
      file,
      ...(dump?.type === 'file' ? { dump } : {}),
      addons: addonsIn(directory.entries.get(`${fileName}.extra.d`)),
    };
  }
  return undefined;
}

function addonsIn(folder: ReturnType<typeof findNode>): Map<string, Leaf> {
  const addons = new Map<string, Leaf>();
  if (folder?.type !== 'directory') return addons;
  for (const [name, node] of folder.entries) {
    if (name.endsWith(addonEnding) && node.type === 'file') addons.set(name.slice(0, -addonEnding.length), node);
  }
  return addons;
}
