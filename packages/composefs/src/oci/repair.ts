import { CodedError } from '@workbench/run';
import type { FsckReport } from '../repository/check.ts';
import { linkedDigest } from '../repository/links.ts';
import { type Repository, requireWritable } from '../repository/repository.ts';
import { checkRepository } from '../threads/check-repository.ts';
import { readImageMetadata } from './image-metadata.ts';
import { imagesOf } from './image-references.ts';
import { importImage } from './import-image.ts';
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
    await reimport(repository, source, manifestDigest);
  }
  repository.suspects.clear();
  const report = await checkRepository(repository);
  const still = new Set(report.hurtObjects.map(({ digest }) => digest));
  return { restored: hurt.filter((digest) => !still.has(digest)), report };
}

async function reimport(repository: Repository, source: string, manifestDigest: string): Promise<void> {
  const former = await readFormerKind(repository, manifestDigest);
  try {
    await importImage(repository, source, former ?? { bootable: true });
  } catch (error) {
    const isNoRoot = error instanceof CodedError && error.code === 'TREE_NOT_A_ROOT';
    if (former !== undefined || !isNoRoot) throw error;
    await importImage(repository, source, { bootable: false });
  }
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
