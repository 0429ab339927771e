import { type ImportCounters, mergeStoredImage, type Repository, type TransferMethod } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import type { ContainerStorage } from './container-storage.ts';
import { readSharedLayers } from './shared-layers.ts';
import type { StoredImage } from './store-image.ts';

/** What sharing an image came to. */
export interface SharedContent {
  counters: ImportCounters;
  /** Keys of the layers that share all they can. */
  shared: string[];
  /** How content is shared; undefined if none was looked at. */
  method: TransferMethod | undefined;
  /** Keys of all layers of the image: they all share once the image is imported from container storage. */
  layers: string[];
}

/**
 * Makes one of the two copies that the repository and container storage have of layers of an image, which the repository had
 * before. Those that the record knows to share are not looked at again. Crashes as `mergeStoredImage`.
 *
 * @returns undefined, after a warning, when container storage is not as it should be: nothing but room depends on it.
 */
export async function shareContent(
  repository: Repository,
  { storage, image }: { storage: ContainerStorage; image: StoredImage },
  options: { warn(line: string): void; signal?: AbortSignal | undefined },
): Promise<SharedContent | undefined> {
  const known = await readSharedLayers(storage);
  try {
    const { counters, layers, merged, method } = await mergeStoredImage(repository, image.id, {
      storageRoots: [storage.path],
      except: known,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const done = new Set(merged);
    return { counters, method, layers, shared: layers.filter((key) => known.has(key) || done.has(key)) };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    options.warn(`${error.message}; the content of ${image.name} takes room twice`);
    return undefined;
  }
}
