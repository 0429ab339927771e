import { CodedError } from '@workbench/run';
import type { FsckReport } from '../repository/check.ts';
import { commitLinks } from '../repository/commit.ts';
import { storeImage } from '../repository/images.ts';
import { linkedDigest } from '../repository/links.ts';
import { type Repository, requireWritable } from '../repository/repository.ts';
import { checkRepository } from '../threads/check-repository.ts';
import { attributePolicies, transformImageTree } from '../tree/image-transform.ts';
import type { Directory } from '../tree/tree.ts';
import { buildBootTree } from './boot-tree.ts';
import { readImageMetadata } from './image-metadata.ts';
import { type ImageVariant, imagesOf, variantOf } from './image-references.ts';
import { buildImageTree } from './image-tree.ts';
import { type ImportResult, importImage } from './import-image.ts';
import { inspectSource } from './inspect-source.ts';
import { streamName } from './names.ts';

/** What a repair did. */
export interface Repair {
  /** Digests of the objects that are whole again. */
  restored: string[];
  /** The check afterwards. */
  report: FsckReport;
}

/**
 * Brings back objects that a check found damaged or missing, from sources of the images that need them: only layers that
 * are hurt are read again, and each object is replaced in one step by one with the right digest. Nothing else changes,
 * tags included.
 *
 * After it resolves, what was restored is on disk. If it throws or power is lost, objects that were not restored are as
 * they were; calling it again goes on.
 *
 * @param sources as `importImage` takes them.
 * @throws CodedError `REPAIR_SOURCE` if a source is of an image that is not in the repository; what importing throws.
 */
export async function repairRepository(
  repository: Repository,
  before: FsckReport,
  sources: readonly string[],
): Promise<Repair> {
  requireWritable(repository);
  const hurt = before.hurtObjects.map(({ digest }) => digest);
  for (const digest of hurt) repository.suspects.add(digest);
  for (const source of hurt.length === 0 ? [] : sources) {
    const { manifestDigest } = await inspectSource(source);
    if (linkedDigest(repository, 'streams', streamName('manifest', manifestDigest)) === undefined) {
      throw new CodedError(
        'REPAIR_SOURCE',
        `${source} is the image ${manifestDigest}, which the repository does not have`,
        {
          hint: 'give a source of the very image that is hurt; cfs oci images shows their digests',
        },
      );
    }
    await remakeOtherImages(repository, await reimport(repository, source, manifestDigest));
  }
  repository.suspects.clear();
  const report = await checkRepository(repository);
  const still = new Set(report.hurtObjects.map(({ digest }) => digest));
  return { restored: hurt.filter((digest) => !still.has(digest)), report };
}

async function reimport(repository: Repository, source: string, manifestDigest: string): Promise<ImportResult> {
  const former = await readFormerKind(repository, manifestDigest);
  try {
    return await importImage(repository, source, former ?? { bootable: true });
  } catch (error) {
    const isNoRoot = error instanceof CodedError && error.code === 'TREE_NOT_A_ROOT';
    if (former !== undefined || !isNoRoot) throw error;
    return await importImage(repository, source, { bootable: false });
  }
}

// Images that an import does not make: with other attributes, or of formats that the repository has no more.
async function remakeOtherImages(repository: Repository, imported: ImportResult): Promise<void> {
  const { manifestDigest, imageIds, bootImageIds } = imported;
  const made = new Set([...imageIds.values(), ...bootImageIds.values()]);
  const { configReferences } = await readImageMetadata(repository, manifestDigest);
  for (const [reference, digest] of configReferences) {
    const variant = variantOf(reference);
    if (variant === undefined || made.has(digest) || !repository.suspects.has(digest)) continue;
    const root = await buildVariantTree(repository, manifestDigest, variant);
    if (root === undefined || (await storeImage(repository, root, variant.format)) !== digest) continue;
    await commitLinks(repository, [{ folder: 'images', name: digest, digest }]);
  }
}

async function buildVariantTree(
  repository: Repository,
  manifestDigest: string,
  { isBootable, attributes }: ImageVariant,
): Promise<Directory | undefined> {
  const policy = attributePolicies.find((known) => known === attributes);
  if (policy === undefined) return undefined;
  if (isBootable) return buildBootTree(repository, manifestDigest, policy);
  const root = await buildImageTree(repository, manifestDigest);
  transformImageTree(root, policy);
  return root;
}

// Which images it had; undefined if that cannot be read any more.
async function readFormerKind(
  repository: Repository,
  manifestDigest: string,
): Promise<{ bootable: boolean; isBootOnly: boolean } | undefined> {
  try {
    const { configReferences } = await readImageMetadata(repository, manifestDigest);
    const bootable = imagesOf(configReferences, true).size > 0;
    return { bootable, isBootOnly: bootable && imagesOf(configReferences, false).size === 0 };
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}
