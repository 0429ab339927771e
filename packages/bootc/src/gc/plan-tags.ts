import { deploymentTag, deploymentTagPrefix } from '../deployment/deployment-tag.ts';
import type { RootModel } from '../storage/root-model.ts';

/** A tag and the image it names. */
export interface Tag {
  name: string;
  manifestDigest: string;
}

/** Tags to make and to remove. */
export interface TagChanges {
  toAdd: readonly Tag[];
  toRemove: readonly Tag[];
}

/** Makes the tags of this program name the images of the live deployments and no others. */
export function planTags(
  model: RootModel,
  state: { liveIds: readonly string[]; tags: ReadonlyMap<string, string> },
): TagChanges {
  const live = state.liveIds.flatMap((id) => model.deployments.get(id) ?? []);
  const digests = new Set(live.flatMap(({ origin, image }) => origin?.manifestDigest ?? image?.manifestDigest ?? []));
  const stored = new Set(live.flatMap(({ image }) => (image?.isStored === true ? [image.manifestDigest] : [])));
  return {
    toAdd: [...stored]
      .filter((digest) => !state.tags.has(deploymentTag(digest)))
      .map((digest) => ({ name: deploymentTag(digest), manifestDigest: digest })),
    toRemove: [...state.tags]
      .filter(([name, digest]) => name.startsWith(deploymentTagPrefix) && !digests.has(digest))
      .map(([name, manifestDigest]) => ({ name, manifestDigest })),
  };
}
