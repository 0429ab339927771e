import { displayReference } from '../deployment/image-reference.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { removeFinalizeRecord, writeFinalizeRecord } from '../storage/finalize-record.ts';
import type { RootModel } from '../storage/root-model.ts';
import { writeStagedRecord } from '../storage/staged-record.ts';
import { cancelSoftReboot } from './soft-reboot.ts';

/**
 * Locks the staged deployment, so that it is not finalized when the system goes down, or releases it. Whoever releases it has the unit
 * that finalizes it started before. A soft reboot that was prepared for what is being locked is taken back. If it throws or power is lost, it is locked or not.
 */
export async function setFinalizationLock(
  storage: Pick<BootedStorage, 'root' | 'physicalRoot'>,
  model: RootModel,
  isFinalizationLocked: boolean,
): Promise<void> {
  const { deploymentId } = model.staged!;
  if (isFinalizationLocked) {
    await cancelSoftReboot(storage, { deploymentId });
    await removeFinalizeRecord(storage);
  }
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
