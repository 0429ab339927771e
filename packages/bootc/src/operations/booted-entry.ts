import { CodedError } from '@workbench/run';
import type { BlsEntry } from '../boot/bls-entry.ts';
import type { RootModel } from '../storage/root-model.ts';

/**
 * The active boot entry of the booted deployment: what to fall back to from a new one.
 *
 * @throws CodedError `BOOTED_ENTRY_MISSING`, `BOOTED_ENTRY_BROKEN` when it does not boot.
 */
export function bootedEntry(model: RootModel): BlsEntry {
  const { deploymentId } = model.host;
  const record = model.entries.find((entry) => entry.set === 'active' && entry.deploymentId === deploymentId);
  const hint = 'bootc internals repair restores what boots it';
  if (record === undefined) {
    throw new CodedError('BOOTED_ENTRY_MISSING', `no boot entry boots the booted deployment ${deploymentId}`, { hint });
  }
  if (record.missingFiles.length > 0) {
    const missing = record.missingFiles.join(', ');
    throw new CodedError('BOOTED_ENTRY_BROKEN', `the booted deployment would not boot again: it lacks ${missing}`, {
      hint,
    });
  }
  return record.entry;
}
