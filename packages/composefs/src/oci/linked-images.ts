import { CodedError } from '@workbench/run';
import { linkedDigest, listLinks } from '../repository/links.ts';
import type { Repository } from '../repository/repository.ts';
import { openStreamObject } from '../repository/streams.ts';
import { type ImageVariant, variantOf } from './image-references.ts';
import { contentTypes } from './names.ts';

/**
 * All images that were made of the container image that one of them was made of: plain ones first, then by
 * format.
 *
 * @throws CodedError `IMAGE_NOT_FOUND` if no container image leads to that digest.
 */
export async function findLinkedImages(
  repository: Repository,
  imageDigest: string,
): Promise<{ digest: string; variant: ImageVariant }[]> {
  for (const { name } of listLinks(repository, 'streams')) {
    if (!name.startsWith('oci-config-')) continue;
    const digest = linkedDigest(repository, 'streams', name);
    if (digest === undefined) continue;
    const { namedReferences } = await openStreamObject(repository, digest, contentTypes.config);
    const images = [...namedReferences].flatMap(([reference, image]) => {
      const variant = variantOf(reference);
      return variant === undefined ? [] : [{ digest: image, variant }];
    });
    if (images.some((image) => image.digest === imageDigest)) return images.sort(compareVariants);
  }
  throw new CodedError('IMAGE_NOT_FOUND', `no container image in ${repository.path} has the image ${imageDigest}`, {
    hint: 'give the digest of an image that oci pull made; cfs oci inspect shows it',
  });
}

function compareVariants(a: { variant: ImageVariant }, b: { variant: ImageVariant }): number {
  const rank = ({ isBootable, format }: ImageVariant) => (isBootable ? 10 : 0) + format;
  return rank(a.variant) - rank(b.variant);
}
