import type { Repository } from '@workbench/composefs';
import type { DeploymentRecord } from '../storage/root-model.ts';
import { boundImagesFolder, readBoundImages } from './bound-images.ts';
import { openContainerStorage } from './container-storage.ts';
import { filesOfTree } from './image-files.ts';
import { forgetManagedImages, readManagedImages } from './managed-images.ts';
import { runPodman } from './podman.ts';
import { planStoragePrune } from './prune-plan.ts';
import { boundReference } from './store-bound-images.ts';
import { listStoredImages } from './stored-images.ts';

/** What a pruning needs to know. */
export interface PruneOptions {
  physicalRoot: string;
  repository: Repository;
  /** Deployments that stay. */
  deployments: readonly DeploymentRecord[];
  warn(line: string): void | Promise<void>;
  signal?: AbortSignal;
}

const batchSize = 100;

/**
 * Removes from the storage of bootc what it brought there itself and no deployment needs any more. Deployments that can boot
 * do not depend on it: their content is in the repository. Whatever cannot be told of a deployment that stays keeps
 * everything.
 *
 * @returns what was removed: names and ids.
 */
export async function pruneContainerStorage(options: PruneOptions): Promise<string[]> {
  const storage = openContainerStorage(options.physicalRoot);
  if (storage === undefined) return [];
  const managed = await readManagedImages(storage);
  if (managed.size === 0) return [];
  const stored = await listStoredImages(storage.path);
  // Reading an image to boot takes longer than all else; most systems have nothing that could be removed.
  const followed = options.deployments.flatMap(({ reference }) => reference ?? []);
  const first = planStoragePrune(stored, managed, followed);
  if (first.names.length + first.ids.length === 0) return [];
  if (followed.length < options.deployments.length) {
    await options.warn('a deployment does not tell its image, so the container storage is not pruned');
    return [];
  }
  const bound = await Promise.all(options.deployments.map(({ id }) => readBoundImagesOf(options.repository, id)));
  const plan = planStoragePrune(stored, managed, [...followed, ...bound.flat().map(boundReference)]);
  const removed = [...plan.names, ...plan.ids];
  for (let start = 0; start < removed.length; start += batchSize) {
    await runPodman(storage.path, ['image', 'rm', ...removed.slice(start, start + batchSize)], {
      step: 'remove images that no deployment needs',
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  }
  await forgetManagedImages(storage, plan);
  return removed;
}

/** The bound images of a deployment, by its image in the repository. @throws what reading that throws. */
export async function readBoundImagesOf(repository: Repository, deploymentId: string) {
  const { readImagePart, readImageTree } = await import('@workbench/composefs');
  // Most images bind none, and then a small part of the image tells so.
  const part = await filesOfTree(repository, readImagePart(repository, deploymentId, [boundImagesFolder]));
  if ((await part.list(boundImagesFolder)).length === 0) return [];
  return readBoundImages(await filesOfTree(repository, readImageTree(repository, deploymentId)));
}
