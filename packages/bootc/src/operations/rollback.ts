import { CodedError } from '@workbench/run';
import type { BlsEntry } from '../boot/bls-entry.ts';
import { arrangeEntries, osIdOfEntry } from '../boot/deployment-entries.ts';
import { openBootedStorage } from '../storage/booted-storage.ts';
import { deploymentRoles } from '../storage/deployment-roles.ts';
import { discardStaged } from '../storage/discard-staged.ts';
import { journalMessages, writeJournal } from '../storage/journal.ts';
import { lockOperations } from '../storage/operation-lock.ts';
import { replaceActiveEntries } from '../storage/publish-entries.ts';
import { buildRootModel, type RootModel, type RootModelSource } from '../storage/root-model.ts';
import { type RebootKind, rebootSystem } from './reboot.ts';
import { type ApplyOptions, cancelSoftReboot, type NextRootPlace, prepareToApply } from './soft-reboot.ts';

/** A new order of the boot entries there are. */
export interface RollbackPlan {
  /** The deployment that boots next. */
  nextId: string;
  /** A rollback is queued already, and is taken back. */
  isRevert: boolean;
  /** Entries of this program in their new order. */
  entries: readonly BlsEntry[];
  osId: string;
}

/**
 * Plans that the deployment to fall back to boots next, or the booted one again where that was planned before, so that
 * twice is as if never. All other entries stay behind these in the order they have.
 *
 * @throws CodedError `NO_ROLLBACK`; `ROLLBACK_INCOMPLETE` when what would boot next lacks something it needs.
 */
export function planRollback(model: RootModel): RollbackPlan {
  const roles = deploymentRoles(model);
  const { rollback, booted, isRollbackQueued: isRevert } = roles;
  if (rollback === undefined) {
    throw new CodedError('NO_ROLLBACK', 'No rollback available', {
      hint: 'there is one once an update has been booted',
    });
  }
  const next = isRevert ? booted : rollback;
  const second = isRevert ? rollback : booted;
  const active = model.entries.filter((entry) => entry.set === 'active' && entry.fileName.startsWith('bootc_'));
  const of = (id: string) => active.filter((entry) => entry.deploymentId === id);
  const others = active.filter((entry) => entry.deploymentId !== next.id && entry.deploymentId !== second.id);
  if (
    of(next.id).length === 0 &&
    model.entries.some(({ deploymentId, set }) => set === 'active' && deploymentId === next.id)
  ) {
    throw new CodedError('ROLLBACK_UNSUPPORTED', 'the menu of unified kernel images of grub cannot be changed', {
      hint: 'choose the entry in the menu when the system starts',
    });
  }
  const [first, ...rest] = [...of(next.id), ...of(second.id), ...others];
  const missing = of(next.id).flatMap((entry) => entry.missingFiles);
  if (first?.deploymentId !== next.id || missing.length > 0 || !next.hasState) {
    const what = missing.length > 0 ? missing.join(', ') : next.hasState ? 'a boot entry' : 'its state folder';
    throw new CodedError('ROLLBACK_INCOMPLETE', `deployment ${next.id} cannot boot: it lacks ${what}`, {
      hint: 'bootc internals fsck tells all that is wrong',
    });
  }
  return {
    nextId: next.id,
    isRevert,
    entries: [first, ...rest].map(({ entry }) => entry),
    osId: osIdOfEntry(first.entry) ?? 'bootc',
  };
}

/**
 * Carries out a rollback: what is staged is discarded, and the boot entries change their order.
 *
 * After it resolves, the new order is on disk. If it throws or power is lost, the order is the old one or the new one, and
 * whatever boots is whole; what was staged may be gone already. The order of steps: the staged deployment loses its record,
 * without which it is nothing; then one exchange. Before all that, a soft reboot that was prepared is taken back.
 *
 * @param place where that was prepared; default: in the running system.
 */
export async function rollBack(source: RootModelSource, place?: NextRootPlace): Promise<RollbackPlan> {
  const plan = planRollback(await buildRootModel(source));
  if (!(await source.images.hasErofsImage(plan.nextId).catch(() => true))) {
    throw new CodedError(
      'ROLLBACK_INCOMPLETE',
      `deployment ${plan.nextId} cannot boot: the repository has no image of it`,
      {
        hint: 'bootc internals fsck tells all that is wrong',
      },
    );
  }
  await cancelSoftReboot(source, { place });
  await discardStaged(source);
  const { bootloader, bootDirectory } = source.boot;
  await replaceActiveEntries(bootDirectory, arrangeEntries(plan.entries, { osId: plan.osId, bootloader }));
  return plan;
}

/** `bootc rollback`: rolls back the booted system, and restarts it when it is told to. */
export async function runRollback(options: ApplyOptions): Promise<void> {
  const restart = await rollBackBootedSystem(options);
  if (restart !== undefined) await rebootSystem(restart, 'bootc rollback');
}

async function rollBackBootedSystem(options: ApplyOptions): Promise<RebootKind | undefined> {
  using _lock = await lockOperations('/');
  await using storage = await openBootedStorage('write');
  const plan = await rollBack(storage);
  if (plan.isRevert) process.stdout.write('notice: Reverting queued rollback state\n');
  process.stdout.write(`Next boot: ${plan.isRevert ? 'current' : 'rollback'} deployment\n`);
  for (const messageId of [journalMessages.rolledBack, journalMessages.rollbackDocumented]) {
    await writeJournal({
      messageId,
      message: `Next boot: deployment ${plan.nextId}`,
      priority: 6,
      fields: { BOOTC_DEPLOYMENT: plan.nextId },
    });
  }
  // Booted and next are the same then, and there is nothing to switch to without the kernel.
  if (plan.isRevert) return options.apply ? 'reboot' : undefined;
  return prepareToApply(storage, plan.nextId, options);
}
