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
  if (record === undefined) {
    throw new CodedError('BOOTED_ENTRY_MISSING', `no boot entry boots the booted deployment ${deploymentId}`, {
      hint: 'reboot first: what boots then has one; bootc status tells what that is',
    });
  }
  if (record.missingFiles.length > 0) {
    const missing = record.missingFiles.join(', ');
    throw new CodedError('BOOTED_ENTRY_BROKEN', `the booted deployment would not boot again: it lacks ${missing}`, {
      hint:
        record.entry.target.kind === 'linux'
          ? 'bootc internals repair --apply restores kernels from the images'
          : 'bootc rollback boots the deployment to fall back to',
    });
  }
  return record.entry;
}
