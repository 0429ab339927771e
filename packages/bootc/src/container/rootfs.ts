import { stat } from 'node:fs/promises';
import { CodedError } from '@workbench/run';

/**
 * Makes sure that there is a folder where an image is to be looked at, rather than finding that the image has nothing.
 *
 * @throws CodedError `ROOTFS_INVALID`.
 */
export async function requireRootfs(root: string): Promise<void> {
  const found = await stat(root).catch((error: NodeJS.ErrnoException) => error);
  if (!(found instanceof Error) && found.isDirectory()) return;
  const why = found instanceof Error ? `cannot be read (${found.code ?? found.message})` : 'is no directory';
  throw new CodedError('ROOTFS_INVALID', `the root of the image ${root} ${why}`, {
    hint: 'name the folder that the image is mounted at',
  });
}
