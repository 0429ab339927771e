import { join } from 'node:path';
import { replaceFile } from '@workbench/composefs';
import { computeBootDigest } from '../boot/boot-digest.ts';
import { espPaths, unifiedKernelName } from '../boot/names.ts';
import { deploymentTag } from '../deployment/deployment-tag.ts';
import { formatOrigin, type Origin, parseOrigin } from '../deployment/origin.ts';
import { deploymentPaths, isDeploymentId, physicalRoot } from '../deployment/state-paths.ts';
import type { BootLocation } from '../storage/boot-entries.ts';
import { readDeploymentImage } from '../storage/deployment-image.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { listOptionalDirectory, pathExists, readOptionalText } from '../storage/optional-file.ts';

/** What of a system the records of its deployments are brought up to date by. */
export interface ImageRecordSource {
  /** The physical root: `/sysroot`. */
  physicalRoot: string;
  boot: BootLocation;
  images: ImageStore;
}

/** An origin file of bootc 1.13 that can be completed. */
export interface ImageRecordChange {
  deploymentId: string;
  origin: Origin;
  /** The stored image that has the content of the deployment; it gets the tag that keeps it. */
  manifestDigest?: string;
  /** That of a unified kernel image, which origins of before did not have. */
  bootDigest?: string;
}

/**
 * Finds what the origin files lack and the system knows. The manifest digest is taken from the repository, when that holds a
 * tagged image with the configuration that the `.imginfo` file names: then all layers are the same. Without such a file that can
 * be read, it is the only tagged image that the image of the deployment was made of. Nothing is fetched, and an origin file that
 * cannot be read is left as it is.
 */
export async function planImageRecords(source: ImageRecordSource): Promise<ImageRecordChange[]> {
  const names = await listOptionalDirectory(join(source.physicalRoot, physicalRoot.deployments));
  const changes: ImageRecordChange[] = [];
  for (const deploymentId of names.filter(isDeploymentId)) {
    const paths = deploymentPaths(source.physicalRoot, deploymentId);
    const text = await readOptionalText(paths.origin);
    if (text === undefined) continue;
    const origin = parseOrigin(text);
    // A torn file, which has to be looked at and not to be completed.
    if (origin.bootType === undefined) continue;
    const image = origin.manifestDigest === undefined ? await findImage(source, { deploymentId, origin }) : undefined;
    const lacksDigest = origin.bootType === 'uki' && origin.bootDigest === undefined;
    const bootDigest = lacksDigest ? await unifiedBootDigest(source.boot, deploymentId) : undefined;
    if (image === undefined && bootDigest === undefined) continue;
    changes.push({
      deploymentId,
      origin,
      ...(image === undefined ? {} : { manifestDigest: image }),
      ...(bootDigest === undefined ? {} : { bootDigest }),
    });
  }
  return changes;
}

async function findImage(
  source: ImageRecordSource,
  { deploymentId, origin }: { deploymentId: string; origin: Origin },
): Promise<string | undefined> {
  const paths = deploymentPaths(source.physicalRoot, deploymentId);
  const image = await readDeploymentImage(paths, origin, source.images).catch(() => undefined);
  return image?.isStored === true ? image.manifestDigest : undefined;
}

/** The boot digest of the unified kernel image of a deployment, whichever name it has; undefined without one that can be read. */
export async function unifiedBootDigest(boot: BootLocation, deploymentId: string): Promise<string | undefined> {
  const directory = join(boot.espDirectory, espPaths.unifiedKernels);
  for (const name of [unifiedKernelName(deploymentId), `${deploymentId}.efi`]) {
    const path = join(directory, name);
    if (!(await pathExists(path))) continue;
    const [{ windowOfFile }, { readUnifiedKernel }] = await Promise.all([
      import('../uki/byte-window.ts'),
      import('../uki/unified-kernel.ts'),
    ]);
    try {
      using file = windowOfFile(path);
      const kernel = readUnifiedKernel(file, path);
      return await computeBootDigest([kernel.readKernel()], [kernel.readInitrd()]);
    } catch {
      // A damaged one does not boot, which fsck tells.
      return undefined;
    }
  }
  return undefined;
}

/**
 * Completes origin files. The tag comes before the digest that relies on it; if this throws or power is lost in between, the
 * record is as before, and the next run finds the same. `.imginfo` files stay until their deployment goes: other versions
 * read them.
 *
 * @param tagImage makes a tag in the repository.
 */
export async function completeImageRecords(
  source: ImageRecordSource,
  changes: readonly ImageRecordChange[],
  tagImage: (tag: string, manifestDigest: string) => Promise<void>,
): Promise<void> {
  for (const { deploymentId, origin, manifestDigest, bootDigest } of changes) {
    if (manifestDigest !== undefined) await tagImage(deploymentTag(manifestDigest), manifestDigest);
    const { directory, originName } = deploymentPaths(source.physicalRoot, deploymentId);
    const completed: Origin = {
      ...origin,
      ...(manifestDigest === undefined ? {} : { manifestDigest }),
      ...(bootDigest === undefined ? {} : { bootDigest }),
    };
    await replaceFile(directory, originName, formatOrigin(completed));
  }
}

/** The changes in lines for people, each without a newline. */
export function describeImageRecords(changes: readonly ImageRecordChange[]): string[] {
  return changes.flatMap(({ deploymentId, manifestDigest, bootDigest }) => [
    ...(manifestDigest === undefined ? [] : [`record ${manifestDigest} as the image of deployment ${deploymentId}`]),
    ...(bootDigest === undefined ? [] : [`record ${bootDigest} as the boot digest of deployment ${deploymentId}`]),
  ]);
}
