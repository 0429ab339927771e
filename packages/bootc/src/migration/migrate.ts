import type { Repository } from '@workbench/composefs';
import { type BootNameSource, describeBootNames, isDone, planBootNames } from './boot-name-plan.ts';
import { migrateBootNames } from './boot-names.ts';
import { lacksCompatibilityLink, makeCompatibilityLink } from './compatibility-link.ts';
import {
  completeImageRecords,
  describeImageRecords,
  type ImageRecordSource,
  planImageRecords,
} from './image-records.ts';

/** A system to bring up to date. */
export interface MigrationSource extends BootNameSource, ImageRecordSource {
  openRepository(): Promise<Repository>;
}

/** What a migration did, or would do, in lines for people. */
export interface MigrationReport {
  changes: readonly string[];
  /** What stays as it was, and why. None of it keeps the system from booting. */
  problems: readonly string[];
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Plans everything that {@link migrateStorage} would do. Nothing is changed, but that a repository gets its `meta.json`. */
export async function planMigration(source: MigrationSource): Promise<MigrationReport> {
  const names = await planBootNames(source);
  const isWaiting = names.isPostponed && !isDone(names);
  const told = describeBootNames({ ...names, problems: [], isPostponed: false });
  return {
    changes: [
      ...(isWaiting ? [] : told),
      ...describeImageRecords(await planImageRecords(source)),
      ...((await lacksCompatibilityLink(source.physicalRoot)) ? ['make the link ostree/bootc'] : []),
    ],
    problems: [
      ...(isWaiting ? ['boot files keep their old names until the staged update has been booted'] : []),
      ...names.problems,
    ],
  };
}

/**
 * Brings a system that an older bootc has installed up to date: names of boot files, records of images, the link to the
 * container storage. Each part has the crash contract of its function, and a part that fails does not keep the others from
 * being done. A system that is up to date is not written to. The caller holds the lock of operations.
 *
 * @returns what was done. Never rejects: what went wrong is among the problems, and the next call tries again.
 */
export async function migrateStorage(source: MigrationSource): Promise<MigrationReport> {
  const changes: string[] = [];
  const problems: string[] = [];
  const attempt = async (part: () => Promise<void>): Promise<void> => {
    await part().catch((error: unknown) => {
      problems.push(messageOf(error));
    });
  };
  await attempt(async () => {
    const report = await migrateNames(source);
    changes.push(...report.changes);
    problems.push(...report.problems);
  });
  await attempt(async () => {
    const records = await planImageRecords(source);
    if (records.length === 0) return;
    const { tagImage } = await import('@workbench/composefs');
    const repository = await source.openRepository();
    await completeImageRecords(source, records, (tag, digest) => tagImage(repository, tag, digest));
    changes.push(...describeImageRecords(records));
  });
  await attempt(async () => {
    if (!(await lacksCompatibilityLink(source.physicalRoot))) return;
    await makeCompatibilityLink(source.physicalRoot);
    changes.push('make the link ostree/bootc');
  });
  return { changes, problems };
}

/** The part of {@link migrateStorage} that concerns the boot partition alone. @throws as migrateBootNames. */
export async function migrateNames(source: BootNameSource): Promise<MigrationReport> {
  const plan = await migrateBootNames(source);
  if (plan.isPostponed && !isDone(plan)) {
    return { changes: [], problems: ['boot files keep their old names until the staged update has been booted'] };
  }
  return { changes: describeBootNames({ ...plan, problems: [] }), problems: plan.problems };
}
