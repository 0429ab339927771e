import { createHash } from 'node:crypto';
import { CodedError } from '@workbench/run';
import type { Origin } from '../deployment/origin.ts';
import type { DeploymentPaths } from '../deployment/state-paths.ts';
import type { ImageStore, StoredImage } from './image-store.ts';
import { readOptionalText } from './optional-file.ts';

/** The container image a deployment was made from. */
export interface DeploymentImage extends StoredImage {
  /** `sha256:` and 64 hex digits. */
  manifestDigest: string;
  /** Whether the repository holds the image, or only a sidecar file of bootc 1.13 tells of it. */
  isStored: boolean;
}

/**
 * The image of a deployment: from the repository by the digest in its origin, else by the `.imginfo` file of bootc 1.13, and
 * without one that can be read by the image that boots. Nothing is fetched.
 *
 * @throws CodedError `IMAGE_INFO_MISSING` when there is none of these, `IMAGE_INFO_INVALID` for a sidecar file that is no JSON;
 * whatever the store rejects with when it lacks the image.
 */
export async function readDeploymentImage(
  paths: DeploymentPaths,
  origin: Origin,
  store: ImageStore,
): Promise<DeploymentImage> {
  if (origin.manifestDigest !== undefined) {
    const image = await store.readImage(origin.manifestDigest);
    return { ...image, manifestDigest: origin.manifestDigest, isStored: true };
  }
  const legacy = await readImageInfo(paths).catch((error: CodedError) => error);
  if (!(legacy instanceof Error)) {
    const manifestDigest = digestOfManifest(legacy.manifest);
    const stored = await findSameImage({ ...legacy, manifestDigest }, store).catch(() => undefined);
    return stored ?? { ...legacy, manifestDigest, isStored: false };
  }
  const stored = await findImageOfDeployment(paths.deploymentId, store).catch(() => undefined);
  if (stored === undefined) throw legacy;
  return stored;
}

async function readImageInfo(paths: DeploymentPaths): Promise<StoredImage> {
  const text = await readOptionalText(paths.legacyImageInfo);
  if (text !== undefined) return parseImageInfo(text, paths.legacyImageInfo);
  throw new CodedError(
    'IMAGE_INFO_MISSING',
    `no manifest_digest in ${paths.originName}, and no .imginfo file beside it`,
    { hint: 'the deployment boots all the same; switch to its image again to repair the record' },
  );
}

function parseImageInfo(text: string, path: string): StoredImage {
  try {
    const info: StoredImage = JSON.parse(text);
    if (typeof info.manifest.config.digest === 'string' && typeof info.config.architecture === 'string') return info;
  } catch {
    // Told below, as for JSON of another shape.
  }
  throw new CodedError('IMAGE_INFO_INVALID', `${path} holds no image manifest and configuration`, {
    hint: 'switch to the image again to repair the record',
  });
}

/**
 * The tagged image with the same configuration, which means the same content, as a sidecar file tells of; of several, which differ
 * in how their layers were packed, that with the same manifest.
 */
async function findSameImage(
  legacy: Omit<DeploymentImage, 'isStored'>,
  store: ImageStore,
): Promise<DeploymentImage | undefined> {
  const tagged = new Set((await store.listTags()).values());
  const own = tagged.has(legacy.manifestDigest) ? [legacy.manifestDigest] : [];
  for (const manifestDigest of new Set([...own, ...tagged])) {
    const image = await store.readImage(manifestDigest).catch(() => undefined);
    if (image?.manifest.config.digest === legacy.manifest.config.digest) {
      return { ...image, manifestDigest, isStored: true };
    }
  }
  return undefined;
}

/** The only tagged image of which the image that a deployment boots was made. With several, nobody knows which one it was. */
async function findImageOfDeployment(deploymentId: string, store: ImageStore): Promise<DeploymentImage | undefined> {
  const found = await findImagesOfDeployment(deploymentId, {
    store,
    manifestDigests: (await store.listTags()).values(),
  });
  return found.length === 1 ? found[0] : undefined;
}

/**
 * Those of some images of which the image that a deployment boots was made. One that cannot be read counts as none: fsck tells
 * what is wrong with it.
 */
export async function findImagesOfDeployment(
  deploymentId: string,
  { store, manifestDigests }: { store: ImageStore; manifestDigests: Iterable<string> },
): Promise<DeploymentImage[]> {
  const found: DeploymentImage[] = [];
  for (const manifestDigest of new Set(manifestDigests)) {
    const ids = await store.readBootImageIds(manifestDigest).catch((): string[] => []);
    if (ids.includes(deploymentId)) {
      found.push({ ...(await store.readImage(manifestDigest)), manifestDigest, isStored: true });
    }
  }
  return found;
}

/**
 * The digest of a manifest that bootc 1.13 wrote down again: it kept the order of the keys but not that of the annotations.
 * With these sorted, as container engines write them, this is the digest the registry knows.
 */
function digestOfManifest(manifest: StoredImage['manifest']): string {
  const { annotations } = manifest;
  const sorted = Object.entries(annotations ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const inOrder = annotations === undefined ? manifest : { ...manifest, annotations: Object.fromEntries(sorted) };
  return `sha256:${createHash('sha256').update(JSON.stringify(inOrder)).digest('hex')}`;
}
