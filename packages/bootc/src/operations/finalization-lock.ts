import { displayReference } from '../deployment/image-reference.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { removeFinalizeRecord, writeFinalizeRecord } from '../storage/finalize-record.ts';
import type { RootModel } from '../storage/root-model.ts';
import { writeStagedRecord } from '../storage/staged-record.ts';

/**
 * Locks the staged deployment, so that it is not finalized when the system goes down, or releases it. Whoever releases it has the unit
 * that finalizes it started before. If it throws or power is lost, it is locked or not.
 */
export async function setFinalizationLock(
  storage: Pick<BootedStorage, 'root' | 'physicalRoot'>,
  model: RootModel,
  isFinalizationLocked: boolean,
): Promise<void> {
  const { deploymentId } = model.staged!;
  if (isFinalizationLocked) await removeFinalizeRecord(storage);
  await writeStagedRecord(storage.root, { deploymentId, isFinalizationLocked });
  if (isFinalizationLocked) return;
  await writeFinalizeRecord(storage, { deploymentId, image: nameOfStaged(model), state: 'staged' });
}

/** The image of the staged deployment, as people see it. */
export function nameOfStaged(model: RootModel): string {
  const { deploymentId } = model.staged!;
  const reference = model.deployments.get(deploymentId)?.reference;
  return reference === undefined ? deploymentId : displayReference(reference);
}
