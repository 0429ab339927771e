import { CodedError } from '@workbench/run';
import { damagedStorage } from './errors.ts';
import type { LocatedLayer, Store, StoredImage } from './store.ts';

/** An image and the store that has it. */
export interface LocatedImage extends StoredImage {
  store: Store;
}

/**
 * Finds an image as podman does: by its id (with or without `sha256:`), by its exact name, by the end of a name after a
 * `/`, each also with `:latest` added.
 *
 * @throws CodedError `STORAGE_NO_IMAGE`.
 */
export function findImage(stores: readonly Store[], wanted: string): LocatedImage {
  const images = stores.flatMap((store) => store.images.map((image) => ({ ...image, store })));
  const id = wanted.replace(/^sha256:/, '');
  const latest = `${wanted}:latest`;
  const byName = (fits: (name: string) => boolean) => images.find(({ names }) => names?.some(fits) === true);
  const found =
    images.find((image) => image.id === id) ??
    byName((name) => name === wanted) ??
    byName((name) => name.endsWith(`/${wanted}`)) ??
    byName((name) => name === latest || name.endsWith(`/${latest}`));
  if (found !== undefined) return found;
  const known = images.flatMap(({ names }) => names ?? []);
  throw new CodedError('STORAGE_NO_IMAGE', `container storage has no image ${wanted}`, {
    hint: known.length === 0 ? 'it has no named image at all' : `it has ${known.join(', ')}`,
  });
}

/**
 * The layers of an image in the order of its diff ids, the lowest first. They are the parents of its top layer; where
 * that chain does not fit, any layer with the right content does.
 *
 * @throws CodedError `STORAGE_DAMAGED` if one is missing.
 */
export function findLayers(stores: readonly Store[], image: LocatedImage, diffIds: readonly string[]): LocatedLayer[] {
  const chain = followParents(stores, image.layer);
  const isFitting = chain.length === diffIds.length && chain.every((layer, i) => layer['diff-digest'] === diffIds[i]);
  if (isFitting) return chain;
  const byDigest = new Map<string, LocatedLayer>();
  for (const store of stores) {
    for (const layer of store.layers.values()) {
      const digest = layer['diff-digest'];
      if (digest !== undefined && !byDigest.has(digest)) byDigest.set(digest, { ...layer, store });
    }
  }
  return diffIds.map((diffId) => {
    const layer = byDigest.get(diffId);
    if (layer === undefined) throw damagedStorage(image.store.root, `the layer ${diffId} of ${image.id} is missing`);
    return layer;
  });
}

/** A layer by its id, in any of the stores. */
export function findLayer(stores: readonly Store[], id: string): LocatedLayer | undefined {
  for (const store of stores) {
    const layer = store.layers.get(id);
    if (layer !== undefined) return { ...layer, store };
  }
  return undefined;
}

/** A layer and its parents, the lowest first. */
export function followParents(stores: readonly Store[], topId: string | undefined): LocatedLayer[] {
  const chain: LocatedLayer[] = [];
  const seen = new Set<string>();
  for (let id = topId; id !== undefined && id !== '' && !seen.has(id); ) {
    seen.add(id);
    const layer = findLayer(stores, id);
    if (layer === undefined) break;
    chain.unshift(layer);
    id = layer.parent;
  }
  return chain;
}
