import { CodedError } from '@workbench/run';
import { commitLinks, type NewLink } from '../repository/commit.ts';
import { computeImageId, storeImage } from '../repository/images.ts';
import type { ErofsFormat } from '../repository/metadata.ts';
import type { Repository } from '../repository/repository.ts';
import { referenceOfTag } from '../repository/tag-names.ts';
import { attributePolicies } from '../tree/image-transform.ts';
import { buildBootTree } from './boot-tree.ts';
import { readImageMetadata } from './image-metadata.ts';
import { type ImageVariant, mergeImageReferences, referenceOf } from './image-references.ts';
import { storeImageStreams } from './image-streams.ts';
import { layersOf } from './image-tree.ts';
import { streamName } from './names.ts';

const formats: readonly ErofsFormat[] = [1, 2];

/**
 * Makes that image to boot of a stored image which has an expected digest, by trying every format and attribute policy: a
 * unified kernel image may carry the digest of one that other defaults made.
 *
 * After it resolves, the image is on disk, the configuration leads to it, and the tag to the whole. If it throws or power is
 * lost, the tag leads to the image as it was or as it should be.
 *
 * @throws CodedError `BOOT_IMAGE_UNMATCHED` if none has that digest; as `buildBootTree`.
 */
export async function makeMatchingBootImage(
  repository: Repository,
  image: { manifestDigest: string; tag: string; expectedDigest: string },
): Promise<ImageVariant> {
  const { manifestDigest, expectedDigest } = image;
  for (const attributes of attributePolicies) {
    const root = await buildBootTree(repository, manifestDigest, attributes);
    for (const format of formats) {
      if (computeImageId(root, { algorithm: repository.algorithm, format }) !== expectedDigest) continue;
      await storeImage(repository, root, format);
      const variant: ImageVariant = { format, isBootable: true, attributes };
      await addImage(repository, variant, image);
      return variant;
    }
  }
  const count = attributePolicies.length * formats.length;
  throw new CodedError(
    'BOOT_IMAGE_UNMATCHED',
    `no image to boot has the expected digest ${expectedDigest} (${count} combinations of attributes and format tried)`,
    {
      hint: 'the image is imported and tagged, without an image to boot; check that the digest was made of this image',
    },
  );
}

async function addImage(
  repository: Repository,
  variant: ImageVariant,
  image: { manifestDigest: string; tag: string; expectedDigest: string },
): Promise<void> {
  const { manifestDigest, tag, expectedDigest } = image;
  const metadata = await readImageMetadata(repository, manifestDigest);
  const references = new Map(metadata.configReferences).set(referenceOf(variant), expectedDigest);
  const { links } = await storeImageStreams(repository, {
    manifest: metadata.manifestBytes,
    config: metadata.configBytes,
    manifestDigest,
    configDigest: metadata.configDigest,
    layers: layersOf(metadata, manifestDigest),
    images: mergeImageReferences(references, new Map(), new Map()),
  });
  const imageLink: NewLink = { folder: 'images', name: expectedDigest, digest: expectedDigest };
  const tagLink: NewLink = {
    folder: 'streams',
    reference: referenceOfTag(tag),
    entry: streamName('manifest', manifestDigest),
  };
  await commitLinks(repository, [imageLink, ...links, tagLink]);
}
