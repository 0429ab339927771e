import { CodedError } from '@workbench/run';
import { linkedDigest } from '../repository/links.ts';
import { isUsable } from '../repository/objects.ts';
import type { Repository } from '../repository/repository.ts';
import { readImageDocuments } from './image-metadata.ts';
import { imagesOf } from './image-references.ts';
import { importImage } from './import-image.ts';
import { isContainerImage } from './manifest.ts';
import { openRepositoryImage } from './repository-source.ts';
import { listTags } from './tags.ts';

/** What became of the tagged images of a repository. All are tags. */
export interface ImageUpgrade {
  /** Had what they need. */
  current: string[];
  /** Got images. */
  upgraded: string[];
  /** Are no container images, or damaged, so that no image can be made of them. */
  skipped: string[];
}

/**
 * Makes sure that every tagged container image leads to an image in the format of the repository, which programs before
 * images were made at import did not see to. Layers are not fetched; the images are made of what is there. Nothing is
 * changed where nothing is missing.
 *
 * After it resolves, the new images are on disk. If it throws or power is lost, each tag leads to its image as it was, or
 * as it should be.
 */
export async function upgradeImages(repository: Repository): Promise<ImageUpgrade> {
  const result: ImageUpgrade = { current: [], upgraded: [], skipped: [] };
  for (const [tag, manifestDigest] of await listTags(repository)) {
    try {
      result[await upgradeImage(repository, tag, manifestDigest)].push(tag);
    } catch (error) {
      // One damaged image must not keep the others, and what is done next, from working.
      if (!(error instanceof CodedError)) throw error;
      result.skipped.push(tag);
    }
  }
  return result;
}

async function upgradeImage(repository: Repository, tag: string, manifestDigest: string): Promise<keyof ImageUpgrade> {
  const { manifest, configReferences } = await readImageDocuments(repository, manifestDigest);
  if (!isContainerImage(manifest)) return 'skipped';
  const format = repository.erofsFormats.default;
  const isThere = (image: string | undefined) =>
    image !== undefined && isUsable(repository, image) && linkedDigest(repository, 'images', image) === image;
  const plain = imagesOf(configReferences, false);
  const boot = imagesOf(configReferences, true);
  // An operating system may have nothing but its image to boot.
  const isBootOnly = plain.size === 0 && boot.size > 0;
  const bootable = boot.size > 0;
  if ((isBootOnly || isThere(plain.get(format))) && (!bootable || isThere(boot.get(format)))) return 'current';
  const image = await openRepositoryImage(repository, manifestDigest);
  await importImage(repository, image, { tag, bootable, isBootOnly });
  return 'upgraded';
}
