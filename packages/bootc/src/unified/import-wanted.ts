import { type ImportProgress, type ImportResult, importImage, type Repository } from '@workbench/composefs';
import { upgradeRepositoryImages } from '../storage/upgrade-images.ts';
import { type AcquireOptions, acquireImage } from './acquire-image.ts';
import type { PullProgress } from './pull-progress.ts';
import { shareContent } from './share-content.ts';
import { recordSharedLayers } from './shared-layers.ts';
import { summarizeTransfer } from './transfer-summary.ts';

/** An image that is wanted in a repository. */
export interface ImportWantedOptions extends Omit<AcquireOptions, 'onProgress'> {
  print(line: string): void;
  /** Of pulling or importing, whichever brings the content. */
  onImport?: ((progress: ImportProgress) => void) | undefined;
}

/**
 * Imports an image to boot, by way of bootc's container storage or directly as `acquireImage` decides; says how content is
 * shared with the storage. It gets the images of both formats, also in an older repository that is of one: a unified kernel image
 * may be sealed with the id of either. Crashes as `importImage`.
 *
 * @throws what `acquireImage` and `importImage` throw.
 */
export async function importWantedImage(repository: Repository, options: ImportWantedOptions): Promise<ImportResult> {
  const { onImport, signal } = options;
  await upgradeRepositoryImages(repository);
  let pulled: ImportProgress | undefined;
  const acquired = await acquireImage({
    ...options,
    onProgress: (progress) => {
      pulled = asImport(progress);
      onImport?.(pulled);
    },
  });
  const { unified } = acquired;
  const shared = unified === undefined ? undefined : await shareContent(repository, unified, options);
  const image = await importImage(repository, acquired.source, {
    bootable: true,
    isBootOnly: true,
    moreFormats: [1, 2],
    ...acquired.options,
    onProgress: (progress) => {
      // After a pull there is nothing to wait for but the making of the images; totals stay those of the pull.
      if (pulled === undefined) onImport?.(progress);
      else if (progress.phase === 'images') onImport?.({ ...pulled, phase: 'images' });
    },
    ...(signal === undefined ? {} : { signal }),
  });
  if (unified === undefined) return image;
  if (shared !== undefined) await recordSharedLayers(unified.storage, shared.layers);
  const summary = summarizeTransfer(image.counters, shared?.counters);
  if (summary !== undefined) options.print(summary);
  return image;
}

function asImport({ bytesDone, bytesTotal, blobs }: PullProgress): ImportProgress {
  // The configuration, which podman counts as a blob, is no layer.
  const layers = blobs.filter((blob) => blob.bytesTotal > 0);
  const layersDone = layers.filter(({ state }) => state === 'done' || state === 'cached').length;
  return { phase: 'layers', bytesDone, bytesTotal, layersDone, layersTotal: layers.length };
}
