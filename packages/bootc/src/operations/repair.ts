import type { GcPlan } from '@workbench/composefs';
import { planSystemGc, type SystemGcPlan } from '../gc/plan.ts';
import { planMigration } from '../migration/migrate.ts';
import { type BootedStorage, openBootedStorage } from '../storage/booted-storage.ts';
import { lockOperations } from '../storage/operation-lock.ts';
import { buildRootModel, originMissing, type RootModel } from '../storage/root-model.ts';
import { tellWaiting } from '../storage/tell-waiting.ts';
import { listUnfinishedBootFiles } from '../storage/unfinished-boot-files.ts';
import { planKernelRestorations, restoreKernels } from './restore-kernels.ts';
import {
  describeOriginRestoration,
  planOriginRestorations,
  restoreOrigins,
  withRestoredOrigins,
} from './restore-origins.ts';
import { findTornWrites } from './torn-writes.ts';

/** What can be put right on a system, in lines for people. */
export interface RepairPlan {
  steps: readonly string[];
  /** What is wrong and not understood, so that nothing is done about it. */
  problems: readonly string[];
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Plans what finishes or undoes operations that were cut short: what an older bootc has left to rename and to record, entries,
 * kernels, state and tags that nothing leads to, files that were being written, kernels that are damaged, and origin files that are
 * lost. Nothing is changed,
 * and nothing is planned for what this program does not know.
 *
 * @param options.withContents reads all kernels, to see whether they are what they were.
 */
export async function planRepair(
  storage: BootedStorage,
  options: { withContents: boolean } = { withContents: false },
): Promise<RepairPlan> {
  const migration = await planMigration(storage);
  const found = await buildRootModel(storage);
  const origins = await planOriginRestorations(storage, found);
  const model = withRestoredOrigins(found, origins.restorations);
  const kernels = await planKernelRestorations(storage, model, options);
  const torn = await findTornWrites(storage);
  const renamed = new Set(migration.changes.flatMap((line) => torn.filter((path) => line.includes(path))));
  const lost = [...origins.problems.values()];
  const toldLost = new Set([...origins.problems.keys()].map(originMissing));
  const steps = [
    ...migration.changes,
    ...origins.restorations.map(describeOriginRestoration),
    ...kernels.map(({ path }) => `restore ${path} from the image of its deployment`),
    ...torn.filter((path) => !renamed.has(path)).map((path) => `remove ${path}: it was being written`),
  ];
  try {
    const system = await planSystem(storage, model);
    return {
      steps: [...steps, ...describeSystem(system, { without: migration.changes })],
      problems: [...migration.problems, ...lost, ...system.warnings.filter((line) => !toldLost.has(line))],
    };
  } catch (error) {
    return { steps, problems: [...migration.problems, ...lost, messageOf(error)] };
  }
}

async function planSystem(storage: BootedStorage, model: RootModel): Promise<SystemGcPlan> {
  return planSystemGc(model, {
    root: storage.root,
    physicalRoot: storage.physicalRoot,
    tags: await storage.images.listTags(),
    hasErofsImage: (id) => storage.images.hasErofsImage(id),
    unfinishedBootFiles: await listUnfinishedBootFiles(storage.boot),
  });
}

function describeSystem(system: SystemGcPlan, { without }: { without: readonly string[] }): string[] {
  const isNew = (path: string): boolean => !without.some((line) => line.includes(`remove ${path}:`));
  return [
    ...system.removals.filter(({ path }) => isNew(path)).map(({ path, reason }) => `remove ${path}: ${reason}`),
    ...system.toAdd.map(({ name }) => `make the tag ${name}`),
    ...system.toRemove.map(({ name }) => `remove the tag ${name}: no deployment uses its image`),
  ];
}

/**
 * Carries out what {@link planRepair} plans, and collects what then is garbage in the repository. Each step has the crash
 * contract of its function; cut short, it is gone on with by the next call. The caller holds the lock of operations.
 *
 * @throws CodedError `GC_REFUSED` when something is wrong that keeps anything from being removed.
 */
export async function applyRepair(storage: BootedStorage): Promise<GcPlan | undefined> {
  const [{ migrateStorage }, { collectSystemGarbage }, { removeTree }] = await Promise.all([
    import('../migration/migrate.ts'),
    import('../gc/collect.ts'),
    import('@workbench/composefs'),
  ]);
  const origins = await planOriginRestorations(storage, await buildRootModel(storage));
  await restoreOrigins(storage, origins.restorations);
  await migrateStorage(storage);
  for (const path of await findTornWrites(storage)) await removeTree(path);
  const kernels = await planKernelRestorations(storage, await buildRootModel(storage), { withContents: true });
  await restoreKernels(storage, kernels);
  const everything = { isDryRun: false, onlyBootFiles: false, onWait: tellWaiting };
  const { repository } = await collectSystemGarbage(storage, everything);
  return repository;
}

/** The plan of a repair in lines, each without a newline. */
export function formatRepair(plan: RepairPlan, options: { isApplied: boolean }): string[] {
  const { steps, problems } = plan;
  const summary = options.isApplied
    ? `${steps.length} step(s) done`
    : `${steps.length} step(s) to do; --apply does them`;
  return [
    ...steps.map((step) => `${options.isApplied ? 'Done: ' : 'Would '}${step}`),
    ...problems.map((problem) => `Left as it is: ${problem}`),
    steps.length === 0 ? 'Nothing to repair' : summary,
  ];
}

/**
 * Prints what a repair of the booted system would do, and with `isApplied` does it. It waits for other verbs that change the
 * system.
 */
export async function runRepair({ isApplied }: { isApplied: boolean }): Promise<void> {
  using _lock = await lockOperations('/');
  // Opening for writing does a part of the work, so that this part is told from what opening tells.
  await using storage = await openBootedStorage(isApplied ? 'write' : 'read');
  const plan = await planRepair(storage, { withContents: true });
  if (isApplied) await applyRepair(storage);
  const steps = [...(storage.migration?.changes ?? []), ...plan.steps];
  process.stdout.write(`${formatRepair({ ...plan, steps }, { isApplied }).join('\n')}\n`);
}

/** Brings the booted system up to date, if an older bootc has installed it, and prints what was done. @returns the exit status. */
export async function runMigration(): Promise<number> {
  using _lock = await lockOperations('/');
  await using storage = await openBootedStorage('write');
  const { changes = [], problems = [] } = storage.migration ?? {};
  const lines = [...changes.map((line) => `Done: ${line}`), ...problems.map((line) => `Left as it is: ${line}`)];
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  return problems.length > 0 ? 1 : 0;
}
