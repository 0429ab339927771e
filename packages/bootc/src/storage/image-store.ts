import { join } from 'node:path';
import type { OciConfig, OciManifest, Repository } from '@workbench/composefs';
import { pathExists } from './optional-file.ts';

/** Manifest and configuration of an image. */
export interface StoredImage {
  manifest: OciManifest;
  config: OciConfig;
}

/**
 * What the root model asks of the composefs repository. An interface, so that a model can be made of files alone, and so
 * that a repository that cannot be opened does not keep status from answering.
 */
export interface ImageStore {
  /** Rejects when the image is not in the repository. */
  readImage(manifestDigest: string): Promise<StoredImage>;
  /** Ids of the images to boot that were made of an image. Rejects when it is not in the repository. */
  readBootImageIds(manifestDigest: string): Promise<readonly string[]>;
  /** Tag to manifest digest, both with what the repository calls them: `localhost/os:1` and `sha256:…`. */
  listTags(): Promise<ReadonlyMap<string, string>>;
  /** Whether the repository has the EROFS image of this id. */
  hasErofsImage(id: string): Promise<boolean>;
}

/** The images of an open repository. Tags are read once. */
export function imageStoreOf(
  repository: Repository,
  composefs: Pick<typeof import('@workbench/composefs'), 'imagesOf' | 'listTags' | 'readImageMetadata'>,
): ImageStore {
  let tags: Promise<ReadonlyMap<string, string>> | undefined;
  return {
    readImage: (manifestDigest) => composefs.readImageMetadata(repository, manifestDigest),
    readBootImageIds: async (manifestDigest) => {
      const { configReferences } = await composefs.readImageMetadata(repository, manifestDigest);
      return [...composefs.imagesOf(configReferences, true).values()];
    },
    listTags: () => {
      tags ??= composefs.listTags(repository, { withLost: true });
      return tags;
    },
    hasErofsImage: (id) => pathExists(join(repository.path, 'images', id)),
  };
}
