import { closeSync, constants, mkdtempSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CodedError, CommandError, run } from '@workbench/run';
import { makeDirectory } from '../durable/make-directory.ts';
import { removeTree } from '../durable/remove.ts';
import { replaceSymlink } from '../durable/replace.ts';
import { type VerityPolicy, verifyFile } from '../fsverity/seal.ts';
import { findImage } from '../repository/images.ts';
import { objectPath } from '../repository/objects.ts';
import type { Repository } from '../repository/repository.ts';

export interface MountOptions {
  /**
   * `require`: the kernel checks every object as it is read, and what is damaged or not sealed is an error.
   * `if-supported`: it does so for a secure repository where it can; the image itself is checked in any case.
   */
  verity: VerityPolicy;
  /** Where changes go; mounted read-only all the same unless `isReadWrite`. */
  upper?: UpperLayer;
}

/** The writable layer of an overlay: two directories of one file system, the second one empty. */
export interface UpperLayer {
  upperDir: string;
  workDir: string;
  isReadWrite: boolean;
}

/**
 * Mounts an image, read-only unless it has an upper layer: its EROFS, and over it an overlay that finds the content of
 * files among the objects. Unmounted when disposed.
 *
 * Only an image that has a link in `images/` can be mounted. Before Linux 6.5 overlay has no layers that are data only,
 * and before 6.6 it cannot check fs-verity; then the objects are an ordinary lower layer, if `verity` allows.
 *
 * @throws CodedError `IMAGE_MISSING`; `VERITY_MISSING`, `VERITY_MISMATCH`; `MOUNT_VERITY` if the kernel cannot check
 * what it shall; CommandError of mount(8).
 */
export async function mountImage(
  repository: Repository,
  imageId: string,
  mountPoint: string,
  { verity, upper }: MountOptions,
): Promise<AsyncDisposable> {
  const digest = findImage(repository, imageId);
  const image = join(resolve(repository.path), objectPath(digest));
  checkImageFile(repository, image, { digest, policy: repository.isSecure ? 'require' : verity });
  // Not all objects of an insecure repository are sealed, and reading one that is not would be an error.
  const overlayVerity = verity === 'require' || repository.isSecure ? verity : undefined;
  // A place without characters that would need escaping in the options of overlay.
  const scratch = mkdtempSync(join(tmpdir(), 'composefs-'));
  try {
    const erofs = join(scratch, 'erofs');
    makeDirectory(erofs, 0o700);
    const link = (name: string, target: string): string => {
      const path = join(scratch, name);
      replaceSymlink(path, resolve(target), scratch);
      return path;
    };
    const objects = link('objects', join(repository.path, 'objects'));
    const linkedUpper = upper && {
      ...upper,
      upperDir: link('upper', upper.upperDir),
      workDir: link('work', upper.workDir),
    };
    await mountErofs(image, erofs);
    try {
      await mountOverlay({ erofs, objects, mountPoint, digest, verity: overlayVerity, upper: linkedUpper });
    } finally {
      // The overlay holds what it needs of it.
      await run(['umount', erofs], { step: `unmount the EROFS of ${digest}` });
    }
  } finally {
    await removeTree(scratch);
  }
  return {
    async [Symbol.asyncDispose]() {
      await run(['umount', mountPoint], { step: `unmount ${mountPoint}` });
    },
  };
}

function checkImageFile(
  repository: Repository,
  image: string,
  { digest, policy }: { digest: string; policy: VerityPolicy },
): void {
  const fd = openSync(image, constants.O_RDONLY);
  try {
    verifyFile(fd, { digest, algorithm: repository.algorithm, policy, name: `image ${digest}` });
  } finally {
    closeSync(fd);
  }
}

// mount(8) puts a loop device in between where it thinks it is needed; where it does not and the kernel cannot do
// without, so do we.
async function mountErofs(image: string, target: string): Promise<void> {
  const mount = (source: string) =>
    run(['mount', '-t', 'erofs', '-o', 'ro', source, target], { step: `mount the EROFS image ${image}` });
  try {
    await mount(image);
  } catch (error) {
    if (!(error instanceof CommandError) || error.failure !== 'exit') throw error;
    const argv = ['losetup', '--find', '--show', '--read-only', image] as const;
    const { stdout } = await run(argv, { step: `make a loop device of ${image}` });
    const device = stdout.trim();
    try {
      await mount(device);
    } finally {
      // Takes effect once it is unmounted.
      await run(['losetup', '--detach', device], { step: `release the loop device ${device}` });
    }
  }
}

interface OverlayMount {
  erofs: string;
  objects: string;
  mountPoint: string;
  digest: string;
  /** Undefined if the kernel must not check objects. */
  verity: VerityPolicy | undefined;
  upper: UpperLayer | undefined;
}

async function mountOverlay(overlay: OverlayMount): Promise<void> {
  const { erofs, objects, mountPoint, digest, verity, upper } = overlay;
  const access = upper?.isReadWrite === true ? 'rw' : 'ro';
  const layers = upper === undefined ? '' : `upperdir=${upper.upperDir},workdir=${upper.workDir},`;
  const common = `${access},metacopy=on,redirect_dir=on,${layers}`;
  const mount = (options: string) =>
    run(['mount', '-t', 'overlay', '-o', common + options, `composefs:${digest}`, mountPoint], {
      step: `mount the image ${digest} on ${mountPoint}`,
    });
  const dataOnly = `lowerdir=${erofs}::${objects}`;
  const attempts = [
    ...(verity === undefined ? [] : [`verity=require,${dataOnly}`]),
    ...(verity === 'require' ? [] : [dataOnly, `lowerdir=${erofs}:${objects}`]),
  ];
  let failure: unknown;
  for (const options of attempts) {
    try {
      await mount(options);
      return;
    } catch (error) {
      if (!(error instanceof CommandError) || error.failure !== 'exit') throw error;
      failure ??= error;
    }
  }
  if (verity !== 'require') throw failure;
  throw new CodedError('MOUNT_VERITY', `the kernel cannot mount ${digest} so that it checks fs-verity`, {
    hint: 'it takes Linux 6.6 or later; or mount without demanding verity',
    cause: failure,
  });
}
