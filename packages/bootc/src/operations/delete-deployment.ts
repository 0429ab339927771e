import { join } from 'node:path';
import { removeFile } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { grubMenu } from '../boot/grub-menu.ts';
import { loaderPaths } from '../boot/names.ts';
import { collectSystemGarbage, type GcResult } from '../gc/collect.ts';
import { formatGcResult } from '../gc/report.ts';
import { type BootedStorage, openBootedStorage } from '../storage/booted-storage.ts';
import { discardStaged } from '../storage/discard-staged.ts';
import { journalMessages, writeJournal } from '../storage/journal.ts';
import { lockOperations } from '../storage/operation-lock.ts';
import { refreshMenus, removeFromGrubMenu } from '../storage/publish-entries.ts';
import { buildRootModel, type RootModel } from '../storage/root-model.ts';
import { tellWaiting } from '../storage/tell-waiting.ts';
import { bootedEntry } from './booted-entry.ts';
import { cancelSoftReboot, type NextRootPlace } from './soft-reboot.ts';

/**
 * Makes sure that a deployment may be deleted. One that only an interrupted deletion has left something of may be, too.
 *
 * @throws CodedError `DEPLOYMENT_BOOTED`, `DEPLOYMENT_NOT_FOUND`.
 */
export function assertDeletable(model: RootModel, deploymentId: string, hasImage: boolean): void {
  if (deploymentId === model.host.deploymentId) {
    throw new CodedError('DEPLOYMENT_BOOTED', 'Cannot delete currently booted deployment', {
      hint: 'boot another one first: bootc rollback --apply',
    });
  }
  if (model.deployments.has(deploymentId) || hasImage) return;
  throw new CodedError('DEPLOYMENT_NOT_FOUND', `Deployment ${deploymentId} not found`, {
    hint: 'bootc status --format=json lists the deployments',
  });
}

/**
 * Deletes a deployment: first its record if it is staged, then its boot entries, then by garbage collection all that only
 * they led to. If a rollback to it was queued, the booted deployment boots next with that. A soft reboot that was prepared for it is
 * taken back before.
 *
 * If it throws or power is lost, the deployment is there or not, and in no case does an entry boot it of which a part is
 * gone. Doing it again finishes the work.
 *
 * @param place where a soft reboot is prepared; default: in the running system.
 * @throws CodedError as {@link assertDeletable} and {@link bootedEntry}; `GC_REFUSED` when something else is wrong with the system.
 */
export async function deleteDeployment(
  storage: BootedStorage,
  deploymentId: string,
  place?: NextRootPlace,
): Promise<GcResult> {
  const model = await buildRootModel(storage);
  const hasImage = await storage.images.hasErofsImage(deploymentId).catch(() => false);
  assertDeletable(model, deploymentId, hasImage);
  const entries = activeEntries(model, deploymentId);
  // What is left has to boot: it may be broken, and this one the last that works.
  if (entries.length > 0) bootedEntry(model);
  await cancelSoftReboot(storage, { deploymentId, place });
  const { bootDirectory } = storage.boot;
  if (model.staged?.deploymentId === deploymentId) {
    await discardStaged(storage);
  }
  for (const { fileName } of entries) {
    if (fileName === grubMenu.active) await removeFromGrubMenu(storage.boot, deploymentId);
    else await removeFile(join(bootDirectory, loaderPaths.entries, fileName));
  }
  await refreshMenus(storage.boot);
  return collectSystemGarbage(storage, { isDryRun: false, onlyBootFiles: false, onWait: tellWaiting });
}

function activeEntries(model: RootModel, deploymentId: string) {
  return model.entries.filter((entry) => entry.set === 'active' && entry.deploymentId === deploymentId);
}

/** `bootc delete-deployment`: deletes a deployment of the booted system and prints what went with it. */
export async function runDeleteDeployment(deploymentId: string): Promise<void> {
  using _lock = await lockOperations('/');
  await using storage = await openBootedStorage('write');
  const result = await deleteDeployment(storage, deploymentId);
  await writeJournal({
    messageId: journalMessages.deleted,
    message: `Deleted deployment ${deploymentId}`,
    priority: 6,
    fields: { BOOTC_DEPLOYMENT: deploymentId },
  });
  process.stdout.write(`${formatGcResult(result).join('\n')}\nDeleted deployment ${deploymentId}\n`);
}
