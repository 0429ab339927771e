import { openStoredImage, type StoredImageOptions } from '../containers-storage/open-image.ts';
import type { TransferMethod } from '../containers-storage/transfer.ts';
import { type ImportCounters, zeroCounters } from '../repository/layer-builder.ts';
import { type Repository, requireWritable } from '../repository/repository.ts';
import { findLayer, importLayer, startUsefulThreads } from './import-layers.ts';

export interface MergeOptions extends Pick<StoredImageOptions, 'storageRoots'> {
  /** Layers that need not be looked at, by the keys that an earlier call gave. */
  except?: ReadonlySet<string>;
  /** Threads; 0 for none. Default: as many as are of use. */
  threads?: number;
  signal?: AbortSignal;
}

/** What became of an image in container storage of which the repository has layers. */
export interface MergedImage {
  counters: ImportCounters;
  /** Keys of all its layers in container storage, the lowest first. A layer that is stored anew has another one. */
  layers: string[];
  /** Keys of the layers that share all they can with the repository now. */
  merged: string[];
  /** How content is shared; undefined if none was looked at. */
  method: TransferMethod | undefined;
}

/**
 * Makes one of the two copies that a repository and container storage have of the same layers: files of container storage get
 * the blocks of the objects where the file system can share blocks; else objects become further names of those files, if the
 * kernel guards them with fs-verity. What else the repository has of the image's content is not looked for, and nothing is
 * imported.
 *
 * After it resolves, that is on disk. If it throws, is stopped, or power is lost, every object and every file has its content,
 * and any number of them share it.
 *
 * @param name of the image, as in `containers-storage:`.
 * @throws CodedError `STORAGE_NOT_FOUND`, `STORAGE_NO_IMAGE`, `STORAGE_DAMAGED`; the signal's reason.
 */
export async function mergeStoredImage(
  repository: Repository,
  name: string,
  options: MergeOptions = {},
): Promise<MergedImage> {
  requireWritable(repository);
  const image = openStoredImage(name, { ...options, mergesCopies: true });
  const counters = zeroCounters();
  const keyed = image.layers.flatMap((layer) =>
    layer.storageKey === undefined ? [] : { ...layer, key: layer.storageKey },
  );
  const merged: string[] = [];
  const wanted = [];
  for (const layer of keyed) {
    if (options.except?.has(layer.key) === true) continue;
    if ((await findLayer(repository, layer.diffId)) !== undefined) wanted.push(layer);
  }
  await using threads = await startUsefulThreads(repository, wanted, options);
  for (const layer of wanted) {
    options.signal?.throwIfAborted();
    await importLayer(repository, layer, { counters, signal: options.signal, report: () => {}, threads });
    // Nothing can be shared from one file system to another, however many layers there are.
    if (image.transferMethod?.() === 'copy') break;
    merged.push(layer.key);
  }
  await image.mergeLinkable?.(repository, counters);
  return { counters, layers: keyed.map(({ key }) => key), merged, method: image.transferMethod?.() };
}
