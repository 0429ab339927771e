import { isAlive, parseOwner } from '../runs/owner.ts';
import type { BcvkClient, BcvkVm } from './bcvk-client.ts';
import { launcherLabelStart, ownerLabelStart, testLabel } from './reaper.ts';

/**
 * Removes the VMs of test runs with their disks: those that were left behind and those that were to stay, but not those
 * of a run that still goes on, unless `all` is wanted.
 *
 * @returns one line for each VM removed.
 * @throws CommandError when a VM cannot be removed; those before it are gone.
 */
export async function removeTestVms(bcvk: Pick<BcvkClient, 'list' | 'remove'>, all: boolean): Promise<string[]> {
  const removed: string[] = [];
  for (const vm of await bcvk.list(testLabel)) {
    if (!all && isOfLivingRun(vm)) continue;
    await bcvk.remove(vm.name);
    removed.push(`VM ${vm.name}`);
  }
  return removed;
}

function isOfLivingRun({ labels }: BcvkVm): boolean {
  return [ownerLabelStart, launcherLabelStart].some((start) => {
    const label = labels.find((text) => text.startsWith(start));
    const process = parseOwner(label?.slice(start.length) ?? '');
    return process !== undefined && isAlive(process);
  });
}
