import type { SourceOptions } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { formatTransportReference, type ImageReference } from '../deployment/image-reference.ts';
import { type ContainerStorage, createContainerStorage, openContainerStorage } from './container-storage.ts';
import type { LayerDescriptor, PullProgress } from './pull-progress.ts';
import { registryAuthFile } from './registry-auth.ts';
import { newestOwnImage, type StoredImage, storeImage } from './store-image.ts';
import { findStoredImage } from './stored-images.ts';

/** An image that is wanted, and how to get it. */
export interface AcquireOptions {
  /** `/`, or the root below which the credentials for registries are. */
  root: string;
  /** Where the repository is, mounted writable: `/sysroot`, or the root of an installation. */
  physicalRoot: string;
  reference: ImageReference;
  /** The image by which the system will look for it; by default the reference itself. */
  storedAs?: ImageReference | undefined;
  /** The image that the system follows until now; unified storage is kept to once it has that. */
  current?: ImageReference | undefined;
  /** `--experimental-unified-storage` was given. */
  isUnifiedRequested: boolean;
  /** Layers by the manifest, when it is at hand, for totals of progress. */
  layers?: readonly LayerDescriptor[] | undefined;
  onProgress?: ((progress: PullProgress) => void) | undefined;
  warn(line: string): void;
  signal?: AbortSignal | undefined;
}

/** Where an image is read from: what `importImage` and `inspectSource` take. */
export interface SourceImage {
  source: string;
  options: SourceOptions;
}

/** An image that can be imported. */
export interface AcquiredImage extends SourceImage {
  /** Where podman can use it: set when the image is in the storage of bootc. */
  unified?: { storage: ContainerStorage; image: StoredImage };
}

/**
 * Decides whether an image goes through bootc's container storage, and if so brings it there. It does when that is asked
 * for, and from then on as long as the storage has the image that the system follows, or the one that is wanted.
 * Otherwise nothing is done: the import reads the image from where it is.
 *
 * @throws what `storeImage` throws; `PODMAN_MISSING` only when unified storage was asked for.
 */
export async function acquireImage(options: AcquireOptions): Promise<AcquiredImage> {
  const isSticky = !options.isUnifiedRequested && (await isUnified(options));
  if (!options.isUnifiedRequested && !isSticky) return await directSource(options);
  try {
    const storage = await createContainerStorage(options.physicalRoot, storageOptions(options));
    const image = await storeImage(storage, options.reference, {
      ...options,
      owner: 'bootc',
      onRetry: (line) => options.warn(line),
    });
    return { unified: { storage, image }, ...inStorage(storage, image) };
  } catch (error) {
    // An update that took podman away must not keep the system from the next one.
    if (!isSticky || !(error instanceof CodedError) || error.code !== 'PODMAN_MISSING') throw error;
    options.warn(`${error.message}; the image is imported without it`);
    return await directSource(options);
  }
}

/**
 * Where an image can be looked at before anything is done: in the storage of bootc if it was made there, else where its
 * reference says.
 */
export async function locateImage(where: {
  root: string;
  physicalRoot: string;
  reference: ImageReference;
  signal?: AbortSignal | undefined;
}): Promise<SourceImage> {
  const storage = openContainerStorage(where.physicalRoot);
  const isStored = where.reference.transport === 'containers-storage';
  const own = storage === undefined || !isStored ? undefined : await newestOwnImage(storage, where.reference, where);
  return storage === undefined || own === undefined ? directSource(where) : inStorage(storage, own);
}

function inStorage(storage: ContainerStorage, image: StoredImage): SourceImage {
  return { source: `containers-storage:${image.id}`, options: { storageRoots: [storage.path], mergesCopies: true } };
}

async function directSource({ root, reference }: Pick<AcquireOptions, 'root' | 'reference'>): Promise<SourceImage> {
  const source = formatTransportReference(reference);
  return { source, options: reference.transport === 'registry' ? { authFile: await registryAuthFile({ root }) } : {} };
}

/** Whether the system already uses unified storage for the image it follows, or for the one that is wanted. */
export async function isUnified(options: {
  physicalRoot: string;
  reference: ImageReference;
  current?: ImageReference | undefined;
}): Promise<boolean> {
  const storage = openContainerStorage(options.physicalRoot);
  if (storage === undefined) return false;
  const { reference, current } = options;
  return (await has(storage, reference)) || (current !== undefined && (await has(storage, current)));
}

async function has(storage: ContainerStorage, reference: ImageReference): Promise<boolean> {
  return (await findStoredImage(storage.path, reference)) !== undefined;
}

function storageOptions({ warn, signal }: AcquireOptions): { warn(line: string): void; signal?: AbortSignal } {
  return { warn, ...(signal === undefined ? {} : { signal }) };
}
