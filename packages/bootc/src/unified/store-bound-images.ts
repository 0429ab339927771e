import { CodedError } from '@workbench/run';
import type { ImageReference } from '../deployment/image-reference.ts';
import type { BoundImage } from './bound-images.ts';
import { createContainerStorage } from './container-storage.ts';
import { wholeNames } from './image-names.ts';
import type { PullProgress } from './pull-progress.ts';
import { inspectHostImage, storeImage } from './store-image.ts';
import { findStoredImage } from './stored-images.ts';

/** How the bound images of a deployment are brought. */
export interface StoreBoundOptions {
  /** Below it the credentials for registries are: `/` of the running system. */
  root: string;
  physicalRoot: string;
  images: readonly BoundImage[];
  /** From their registries, or from the storage of the host, as an installation without network does. */
  from: 'registry' | 'host';
  print(line: string): void;
  warn(line: string): void;
  onProgress?: ((progress: PullProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** The reference by which a bound image is stored and looked for. */
export function boundReference(image: BoundImage): ImageReference {
  return { transport: 'registry', image: wholeNames(image.image, ['docker.io'])[0] as string };
}

/**
 * Makes sure that the bound images of a deployment are in the storage of bootc. It is called before the deployment is
 * staged, so that none boots without them; images that are there are not pulled again. Nothing happens, and no storage is
 * made, for a deployment without any.
 *
 * @throws CodedError `BOUND_IMAGE_NOT_STORED` when the host has not what was to come from it; what `storeImage` throws.
 */
export async function storeBoundImages(options: StoreBoundOptions): Promise<void> {
  if (options.images.length === 0) return;
  const { signal, warn } = options;
  const storage = await createContainerStorage(options.physicalRoot, {
    warn,
    ...(signal === undefined ? {} : { signal }),
  });
  for (const image of options.images) {
    const reference = boundReference(image);
    if ((await findStoredImage(storage.path, reference)) !== undefined) continue;
    options.print(`Fetching bound image: ${image.image}`);
    if (options.from === 'host') await assertOnHost(image, signal);
    const source: ImageReference =
      options.from === 'host' ? { ...reference, transport: 'containers-storage' } : reference;
    await storeImage(storage, source, { ...options, authFile: image.authFile, owner: 'bootc', onRetry: warn });
  }
}

async function assertOnHost(image: BoundImage, signal: AbortSignal | undefined): Promise<void> {
  if ((await inspectHostImage(image.image, signal)) !== undefined) return;
  throw new CodedError('BOUND_IMAGE_NOT_STORED', `the bound image ${image.image} is not in the storage of the host`, {
    hint: `podman pull ${image.image}, or install with --bound-images=pull or --bound-images=skip`,
  });
}
