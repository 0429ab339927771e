import type { ImageReference } from '../deployment/image-reference.ts';
import { storedNamesOf } from './image-names.ts';
import type { ManagedImages } from './managed-images.ts';
import type { StoredImageRecord } from './stored-images.ts';

/**
 * What is removed from the storage of bootc: names and ids for `podman image rm`. Of an image with several names, the names
 * alone go until the last one takes the image with it.
 */
export interface StoragePrunePlan {
  names: readonly string[];
  /** Images that lost their name to a newer one. */
  ids: readonly string[];
}

/**
 * Plans the removal of images that bootc itself brought and that no deployment follows or binds any more. Names are compared
 * in their whole form. What a person brought is never in the plan, nor is anything of a name that is wanted.
 *
 * @param wanted images that deployments follow, and their bound images.
 */
export function planStoragePrune(
  stored: readonly StoredImageRecord[],
  managed: ManagedImages,
  wanted: readonly ImageReference[],
): StoragePrunePlan {
  const wantedNames = new Set(wanted.flatMap(storedNamesOf));
  const managedIds = new Set([...managed.values()].flat());
  const names = stored.flatMap((image) => image.names).filter((name) => managed.has(name) && !wantedNames.has(name));
  const ids = stored.filter(({ id, names: own }) => own.length === 0 && managedIds.has(id)).map(({ id }) => id);
  return { names, ids };
}
