import type { GcPlan, LockWait, Repository } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { journalMessages, writeJournal } from '../storage/journal.ts';
import { refreshMenus } from '../storage/publish-entries.ts';
import { buildRootModel, type RootModel } from '../storage/root-model.ts';
import { listUnfinishedBootFiles } from '../storage/unfinished-boot-files.ts';
import { upgradeRepositoryImages } from '../storage/upgrade-images.ts';
import { planSystemGc, type SystemGcPlan } from './plan.ts';

/** How far a garbage collection goes. */
export interface GcOptions {
  /** Nothing is removed. Images of older programs get what they lack all the same. */
  isDryRun: boolean;
  /** Only what is on the boot partition, as when a staged deployment has just been finalized. */
  onlyBootFiles: boolean;
  /** Told what it waits for: others that use the repository for long. */
  onWait?: ((line: string) => void) | undefined;
  /** Ends the waiting. */
  signal?: AbortSignal | undefined;
}

/** What a garbage collection did, or would do. */
export interface GcResult {
  isDryRun: boolean;
  system: SystemGcPlan;
  /** Of the repository; absent when it was not looked at. */
  repository?: GcPlan;
  /** Names and ids of images that were removed from bootc's container storage. */
  containerImages?: readonly string[];
}

/**
 * Collects garbage on an open storage: plans, and unless it is a dry run removes boot entries, boot files, state folders,
 * tags and objects, in this order, so that whatever is cut short leaves things without a name rather than names without
 * a thing. Running it again finishes the work.
 *
 * @throws CodedError `GC_REFUSED`; see planSystemGc; the signal's reason, when nothing but objects is left to remove.
 */
export async function collectSystemGarbage(storage: BootedStorage, options: GcOptions): Promise<GcResult> {
  const composefs = await import('@workbench/composefs');
  const repository = await storage.openRepository();
  if (!options.onlyBootFiles) {
    await upgradeRepositoryImages(repository).catch((error) => {
      // What frees space has to work where there is none, and a dry run where nothing can be written.
      if (!composefs.isSystemError(error, 'ENOSPC', 'EDQUOT', 'EROFS')) throw error;
    });
  }
  const model = await buildRootModel(storage);
  const plan = await planSystemGc(model, {
    root: storage.root,
    physicalRoot: storage.physicalRoot,
    tags: await composefs.listTags(repository, { withLost: true }),
    hasErofsImage: (id) => storage.images.hasErofsImage(id),
    unfinishedBootFiles: await listUnfinishedBootFiles(storage.boot),
  });
  const system = options.onlyBootFiles ? onlyBootFiles(plan) : plan;
  const { signal, onWait } = options;
  const collection = {
    additionalRoots: [...plan.additionalRoots],
    onWait: ({ path, holders }: LockWait) => {
      onWait?.(`waiting until nobody else uses ${path}${holders.length === 0 ? '' : `: ${holders.join(', ')}`}`);
    },
    ...(signal === undefined ? {} : { signal }),
  };
  if (options.isDryRun) {
    // As the repository will be once the tags have changed.
    const foreseen = {
      additionalRoots: [
        ...plan.additionalRoots,
        ...system.toAdd.map(({ manifestDigest }) => composefs.streamName('manifest', manifestDigest)),
      ],
      ignoreTags: system.toRemove.map(({ name }) => name),
    };
    return { isDryRun: true, system, repository: await composefs.planGarbageCollection(repository, foreseen) };
  }
  const entries = system.removals.filter(({ kind }) => kind === 'boot-entry');
  for (const { path } of entries) await composefs.removeFile(path);
  // Also of an entry that was taken away by somebody else, who may have come no further: its kernel goes next.
  await refreshMenus(storage.boot);
  for (const removal of system.removals) {
    if (removal.kind === 'boot-entry') continue;
    if (removal.kind === 'staged-record') await composefs.removeFile(removal.path);
    else await composefs.removeTree(removal.path);
  }
  if (options.onlyBootFiles) return { isDryRun: false, system };
  for (const tag of system.toAdd) await composefs.tagImage(repository, tag.name, tag.manifestDigest);
  for (const tag of system.toRemove) await composefs.untagImage(repository, tag.name);
  const containerImages = await pruneContainerImages(storage, { repository, model, plan });
  const collected = await composefs.collectGarbage(repository, collection);
  await writeJournal({
    messageId: journalMessages.garbageCollected,
    message: `Garbage collection removed ${system.removals.length} paths and ${collected.objects.length} objects`,
    priority: 6,
  });
  return { isDryRun: false, system, repository: collected, containerImages };
}

// No deployment depends on it, so that podman, whatever ails it, does not keep the rest from being collected.
async function pruneContainerImages(
  storage: BootedStorage,
  context: { repository: Repository; model: RootModel; plan: SystemGcPlan },
): Promise<readonly string[]> {
  const { pruneContainerStorage } = await import('../unified/prune-storage.ts');
  const warn = (message: string): Promise<void> =>
    writeJournal({ messageId: journalMessages.garbageCollected, message, priority: 4 });
  try {
    return await pruneContainerStorage({
      physicalRoot: storage.physicalRoot,
      repository: context.repository,
      deployments: context.plan.kept.flatMap(({ deploymentId }) => context.model.deployments.get(deploymentId) ?? []),
      warn,
    });
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    await warn(`Container storage was not pruned: ${error.message}`);
    return [];
  }
}

function onlyBootFiles(plan: SystemGcPlan): SystemGcPlan {
  const removals = plan.removals.filter(({ kind }) => kind !== 'state-directory');
  return { ...plan, removals, toAdd: [], toRemove: [] };
}

/**
 * Does nothing when a dry run found nothing to do.
 *
 * @throws CodedError `GC_NOT_NO_OP` that sums up what it found.
 */
export function assertNoOp(result: GcResult): void {
  const { system, repository } = result;
  const counts: [number, string][] = [
    [system.removals.length, 'paths'],
    [system.toRemove.length + system.toAdd.length, 'tag changes'],
    [repository?.objects.length ?? 0, 'objects'],
    [(repository?.imageLinks.length ?? 0) + (repository?.streamLinks.length ?? 0), 'symlinks'],
  ];
  const found = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  if (found.length === 0) return;
  throw new CodedError('GC_NOT_NO_OP', `--assert-no-op: GC would remove ${found.join(', ')}`, {
    hint: 'bootc internals composefs-gc --dry-run lists them',
  });
}
