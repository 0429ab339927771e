import { describeError } from '@workbench/run';
import { forgetSnapshot } from '../cache/snapshots.ts';
import { makeVm } from './make-vm.ts';
import { removeDomain } from './remove.ts';
import { restoreVm } from './restore-vm.ts';
import { chooseSnapshot } from './snapshot-choice.ts';
import type { VmParts } from './vm-parts.ts';

/**
 * Starts a VM from the snapshot of an equal one where that was asked for and there is one, else by a boot. A snapshot that
 * does not start is forgotten, and the VM boots.
 *
 * @returns whether a snapshot is to be taken of it when it has booted.
 */
export async function startNewVm(name: string, parts: VmParts): Promise<boolean> {
  const { request, folder, virsh, context } = parts;
  const choice = await chooseSnapshot(parts);
  if (choice.kind === 'none') {
    if (request.snapshot) context.phases.note(`No snapshot: ${choice.why}`);
    await makeVm(name, parts);
    return false;
  }
  if (choice.kind === 'wanted') {
    await makeVm(name, parts, choice.key);
    return true;
  }
  try {
    await restoreVm(name, parts, choice.snapshot);
    return false;
  } catch (error) {
    context.signal.throwIfAborted();
    context.phases.note(`The snapshot does not start, VM ${name} boots instead: ${describeError(error)}`);
    await removeDomain(virsh, name, folder);
    forgetSnapshot(choice.snapshot);
    await makeVm(name, parts, choice.key);
    return true;
  }
}
