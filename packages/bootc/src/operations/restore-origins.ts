import { computeBootDigest } from '../boot/boot-digest.ts';
import { deploymentTagPrefix } from '../deployment/deployment-tag.ts';
import { formatOrigin, type Origin } from '../deployment/origin.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { liveEntries } from '../gc/live-entries.ts';
import { unifiedBootDigest } from '../migration/image-records.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { type DeploymentImage, findImagesOfDeployment } from '../storage/deployment-image.ts';
import { pathExists } from '../storage/optional-file.ts';
import { type DeploymentRecord, originMissing, type RootModel } from '../storage/root-model.ts';
import { readKernel } from './restore-kernels.ts';

/** An origin file that is lost, and what of it is known for certain: all but the reference of the image. */
export interface OriginRestoration {
  deploymentId: string;
  origin: Origin;
  image: DeploymentImage;
}

/** What can be done about lost origin files. */
export interface OriginRestorations {
  restorations: readonly OriginRestoration[];
  /** Deployments of which too little is known, with what is missing: one line each. */
  problems: ReadonlyMap<string, string>;
}

/**
 * Finds deployments that boot entries lead to and that have their state but no origin file, and what it held. The image is the one
 * that has a tag of this program and that the repository made the image of this very id from; how it boots is told by its entries,
 * the boot digest by its kernel. Which reference it was pulled by is written nowhere else, so it stays unknown.
 */
export async function planOriginRestorations(storage: BootedStorage, model: RootModel): Promise<OriginRestorations> {
  const liveIds = new Set(liveEntries(model).entries.map(({ deploymentId }) => deploymentId));
  const restorations: OriginRestoration[] = [];
  const problems = new Map<string, string>();
  for (const deployment of model.deployments.values()) {
    const { id, hasState, origin } = deployment;
    if (origin !== undefined || !hasState || !liveIds.has(id)) continue;
    // One that is there and cannot be read is not to be replaced.
    if (await pathExists(deploymentPaths(storage.physicalRoot, id).origin)) continue;
    const images = await findImages(storage, id);
    const [image] = images;
    if (image === undefined || images.length > 1) {
      const found = image === undefined ? 'no image' : `${images.length} images`;
      problems.set(id, `deployment ${id} has no origin file, and ${found} with a tag ${deploymentTagPrefix}… made it`);
      continue;
    }
    restorations.push({
      deploymentId: id,
      image,
      origin: { ...(await readBootFacts(storage, deployment)), manifestDigest: image.manifestDigest },
    });
  }
  return { restorations, problems };
}

async function findImages({ images }: Pick<BootedStorage, 'images'>, deploymentId: string): Promise<DeploymentImage[]> {
  const tags = [...(await images.listTags())].filter(([name]) => name.startsWith(deploymentTagPrefix));
  return findImagesOfDeployment(deploymentId, { store: images, manifestDigests: tags.map(([, digest]) => digest) });
}

async function readBootFacts(
  storage: BootedStorage,
  { id, entries }: DeploymentRecord,
): Promise<Pick<Origin, 'bootType' | 'bootDigest'>> {
  const isLinux = entries.some(({ entry }) => entry.target.kind === 'linux');
  const bootDigest = isLinux ? await kernelDigest(storage, id) : await unifiedBootDigest(storage.boot, id);
  return { bootType: isLinux ? 'bls' : 'uki', ...(bootDigest === undefined ? {} : { bootDigest }) };
}

async function kernelDigest(storage: BootedStorage, deploymentId: string): Promise<string | undefined> {
  const content = await readKernel(storage, deploymentId).catch(() => undefined);
  return content && (await computeBootDigest([content.kernel], [content.initrd]));
}

/** The model as it is once these origin files are restored. */
export function withRestoredOrigins(model: RootModel, restorations: readonly OriginRestoration[]): RootModel {
  const deployments = new Map(model.deployments);
  for (const { deploymentId, origin, image } of restorations) {
    const { problems, ...known } = deployments.get(deploymentId)!;
    deployments.set(deploymentId, {
      ...known,
      origin,
      image,
      problems: problems.filter((problem) => problem !== originMissing(deploymentId)),
    });
  }
  return { ...model, deployments };
}

/**
 * Writes origin files that were lost. After it resolves, they are on disk. If it throws or power is lost, each is missing as before, or
 * whole; the next call goes on.
 */
export async function restoreOrigins(
  { physicalRoot }: Pick<BootedStorage, 'physicalRoot'>,
  restorations: readonly OriginRestoration[],
): Promise<void> {
  const { replaceFile } = await import('@workbench/composefs');
  for (const { deploymentId, origin } of restorations) {
    const { directory, originName } = deploymentPaths(physicalRoot, deploymentId);
    await replaceFile(directory, originName, formatOrigin(origin));
  }
}

/** The step in a line for people. */
export function describeOriginRestoration({ deploymentId, image }: OriginRestoration): string {
  const unknown = 'which image it follows is not known, and bootc switch has to tell';
  return `restore the origin of deployment ${deploymentId} from its image ${image.manifestDigest}; ${unknown}`;
}
