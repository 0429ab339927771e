import { CodedError } from '@workbench/run';
import { commitLinks, removeReference } from '../repository/commit.ts';
import { linkedDigest, listReferences, referencedName } from '../repository/links.ts';
import type { Repository } from '../repository/repository.ts';
import { referenceOfTag, tagOfReference } from '../repository/tag-names.ts';
import { manifestDigestOf, streamName } from './names.ts';

/**
 * All tags that lead to an image, by name, with the digest (`sha256:…`) of its manifest. Tags whose image is gone are
 * left out, unless `withLost` is given: they keep garbage from being collected until they are removed or it is back.
 */
export async function listTags(
  repository: Repository,
  { withLost = false }: { withLost?: boolean } = {},
): Promise<Map<string, string>> {
  const tags = new Map<string, string>();
  for (const reference of listReferences(repository, 'streams')) {
    const tag = tagOfReference(reference.name.slice('refs/'.length));
    const manifestDigest = manifestDigestOf(referencedName(reference) ?? '');
    if (tag === undefined || manifestDigest === undefined) continue;
    if (reference.isResolved || withLost) tags.set(tag, manifestDigest);
  }
  return tags;
}

/**
 * Makes a tag name an image, whatever it named before. After it resolves, the tag is on disk. If it throws or power is
 * lost, the tag is as it was before, or as wanted.
 *
 * @throws CodedError `IMAGE_NOT_FOUND` if the image is not in the repository; `OCI_TAG`, `OCI_DIGEST`.
 */
export async function tagImage(repository: Repository, name: string, manifestDigest: string): Promise<void> {
  const reference = referenceOfTag(name);
  const entry = streamName('manifest', manifestDigest);
  if (linkedDigest(repository, 'streams', entry) === undefined) throw imageNotFound(repository, manifestDigest);
  await commitLinks(repository, [{ folder: 'streams', reference, entry }]);
}

/**
 * Takes a tag away; the image stays until garbage is collected. After it resolves, the tag is gone on disk.
 *
 * @throws CodedError `IMAGE_NOT_FOUND` if there is no such tag.
 */
export async function untagImage(repository: Repository, name: string): Promise<void> {
  const reference = referenceOfTag(name);
  const isThere = listReferences(repository, 'streams').some((link) => link.name === `refs/${reference}`);
  if (!isThere) throw imageNotFound(repository, name);
  await removeReference(repository, 'streams', reference);
}

/** The manifest digest of an image given by its tag, or by `@sha256:…`. @throws CodedError `IMAGE_NOT_FOUND`. */
export async function resolveImage(repository: Repository, image: string): Promise<string> {
  const digest = image.startsWith('@') ? image.slice(1) : (await listTags(repository)).get(image);
  if (digest === undefined) throw imageNotFound(repository, image);
  return digest;
}

/** The error for an image that is not in the repository. */
export function imageNotFound(repository: Repository, image: string): CodedError {
  return new CodedError('IMAGE_NOT_FOUND', `${repository.path} has no image ${image}`, {
    hint: 'list the images with: cfs oci images',
  });
}
