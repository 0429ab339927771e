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

/**
 * Makes the tags of this program name the images of the live deployments and no others. While it is not recorded which image
 * one of these has, any may be its own, and a repair needs it: then no tag goes.
 */
export function planTags(
  model: RootModel,
  state: { liveIds: readonly string[]; tags: ReadonlyMap<string, string> },
): TagChanges {
  const live = state.liveIds.flatMap((id) => model.deployments.get(id) ?? []);
  const known = live.map(({ origin, image }) => origin?.manifestDigest ?? image?.manifestDigest);
  const digests = new Set(known);
  const stored = new Set(live.flatMap(({ image }) => (image?.isStored === true ? [image.manifestDigest] : [])));
  return {
    toAdd: [...stored]
      .filter((digest) => !state.tags.has(deploymentTag(digest)))
      .map((digest) => ({ name: deploymentTag(digest), manifestDigest: digest })),
    toRemove: [...state.tags]
      .filter(
        ([name, digest]) => name.startsWith(deploymentTagPrefix) && !digests.has(digest) && !known.includes(undefined),
      )
      .map(([name, manifestDigest]) => ({ name, manifestDigest })),
  };
}
