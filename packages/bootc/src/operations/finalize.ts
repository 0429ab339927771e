import { syncFilesystem } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { displayReference } from '../deployment/image-reference.ts';
import { collectSystemGarbage } from '../gc/collect.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { removeFinalizeRecord, writeFinalizeRecord } from '../storage/finalize-record.ts';
import { activateStagedEntries, discardStagedEntries } from '../storage/publish-entries.ts';
import { buildRootModel, type RootModel } from '../storage/root-model.ts';
import { removeStagedRecord } from '../storage/staged-record.ts';
import { mergeEtc } from './merge-etc.ts';
import { cancelSoftReboot, type NextRootPlace } from './soft-reboot.ts';

/** What finalizing came to. */
export type FinalizeOutcome =
  | { kind: 'finalized'; deploymentId: string; problems: readonly string[] }
  /** Nothing is staged, or only downloaded. */
  | { kind: 'nothing-staged' | 'locked' };

/**
 * Finalizes the staged deployment: brings the local changes of `/etc` into its own, and makes its boot entries the active ones.
 *
 * After it resolves with `finalized`, the deployment boots next, with its `/etc` on disk. If it throws or power is lost, either that,
 * or the boot entries are as they were; then the deployment is still staged, and doing it again completes the work. The order: `/etc` →
 * sync → one exchange of the boot entries → sync → the record, and what is not needed on the boot partition any more.
 *
 * What goes wrong is written down for the status of the next boot; and a soft reboot to the deployment is taken back, which would
 * run without the local changes of `/etc`: userspace then restarts where it is.
 *
 * @param place where a soft reboot is prepared; default: in the running system.
 * @throws CodedError `STAGED_INCOMPLETE`; what mergeEtc throws.
 */
export async function finalizeStaged(storage: BootedStorage, place?: NextRootPlace): Promise<FinalizeOutcome> {
  const model = await buildRootModel(storage);
  if (model.staged === undefined) return { kind: 'nothing-staged' };
  if (model.staged.isFinalizationLocked) return { kind: 'locked' };
  const { deploymentId } = model.staged;
  const reference = model.deployments.get(deploymentId)?.reference;
  const image = reference === undefined ? deploymentId : displayReference(reference);
  await writeFinalizeRecord(storage, { deploymentId, image, state: 'running' });
  try {
    return await finalize(storage, model, deploymentId);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // What went wrong matters more than whether it can be written down.
    await writeFinalizeRecord(storage, { deploymentId, image, state: 'failed', message }).catch(() => undefined);
    await cancelSoftReboot(storage, { deploymentId, place }).catch(() => undefined);
    throw error;
  }
}

async function finalize(storage: BootedStorage, model: RootModel, deploymentId: string): Promise<FinalizeOutcome> {
  const first = model.entries.find((entry) => entry.set === 'active');
  // Interrupted after the exchange: what remains to be done is to tidy up.
  if (first?.deploymentId === deploymentId) return tidyUp(storage, deploymentId);
  assertStagedIsWhole(model, deploymentId);

  await mergeEtc(storage, deploymentId);
  await syncFilesystem(storage.physicalRoot);

  await activateStagedEntries(storage.boot.bootDirectory);
  return tidyUp(storage, deploymentId);
}

async function tidyUp(storage: BootedStorage, deploymentId: string): Promise<FinalizeOutcome> {
  await removeStagedRecord(storage.root);
  await discardStagedEntries(storage.boot.bootDirectory);
  await removeFinalizeRecord(storage);
  const problems: string[] = [];
  await collectSystemGarbage(storage, { isDryRun: false, onlyBootFiles: true }).catch((error: Error) => {
    // The deployment boots all the same, and the next staging collects again.
    problems.push(`garbage on the boot partition was not collected: ${error.message}`);
  });
  return { kind: 'finalized', deploymentId, problems };
}

function assertStagedIsWhole(model: RootModel, deploymentId: string): void {
  const deployment = model.deployments.get(deploymentId);
  const entries = model.entries.filter((entry) => entry.set === 'staged');
  const first = entries[0];
  const missing = [
    ...(deployment?.hasState === true && deployment.origin !== undefined ? [] : ['its state folder with the origin']),
    ...(first === undefined ? ['a staged boot entry'] : []),
    ...(first !== undefined && first.deploymentId !== deploymentId
      ? ['the first place among the staged boot entries']
      : []),
    ...entries.flatMap((entry) => entry.missingFiles),
  ];
  if (missing.length === 0) return;
  throw new CodedError('STAGED_INCOMPLETE', `the staged deployment ${deploymentId} lacks ${missing.join(', ')}`, {
    hint: `discard it, then stage it again: bootc delete-deployment ${deploymentId}`,
  });
}
