import { realpath, stat, writeFile } from 'node:fs/promises';
import { computeImageId, type Directory, readBootTree, writeDumpfile } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { requireRootfs } from './rootfs.ts';

/** Hash and format of the images that a new system is installed with; their digest is what a command line names. */
const imageKind = { algorithm: 'sha512', format: 1 } as const;

/**
 * The id that a deployment of the image at a root has, computed from its files alone: nothing is mounted, stored or sealed.
 * The tree it is the digest of goes to `dumpfile`, if wanted (composefs-dump(5)).
 *
 * @returns 128 lower-case hex digits.
 * @throws CodedError `ROOT_IS_ACTIVE` for the root of the running system, whose files are not those of an image; `ROOTFS_INVALID`.
 */
export async function computeRootDigest(root: string, dumpfile?: string): Promise<string> {
  await refuseActiveRoot(root);
  return digestTree(await readBootTree(root, imageKind.algorithm), dumpfile);
}

/** The id of a tree with both transformations applied; see {@link computeRootDigest}. */
export async function digestTree(tree: Directory, dumpfile?: string): Promise<string> {
  if (dumpfile !== undefined) await writeFile(dumpfile, writeDumpfile(tree));
  return computeImageId(tree, imageKind);
}

async function refuseActiveRoot(root: string): Promise<void> {
  await requireRootfs(root);
  const [given, active] = await Promise.all([stat(root), stat('/')]);
  const isActive = (await realpath(root)) === '/' || (given.dev === active.dev && given.ino === active.ino);
  if (!isActive) return;
  throw new CodedError('ROOT_IS_ACTIVE', 'Cannot operate on active root filesystem; mount separate target instead', {
    hint: 'in a build: RUN --mount=type=bind,from=IMAGE,target=/target bootc … --rootfs /target',
  });
}
