import { CodedError } from '@workbench/run';
import type { Context } from '../context/context.ts';
import { type DomainRecord, getDomain, listDomains } from './domain-info.ts';
import { createVirsh, domainState, isNoDomain, type Virsh } from './virsh.ts';
import { removeVmFolder, vmFolder } from './vm-folder.ts';

/** Removes a domain, running or not, and all that belongs to it but its logs. What is gone already is no error. */
export async function removeDomain(virsh: Virsh, name: string, folder: string): Promise<void> {
  const ignoreGone = (error: unknown) => {
    if (!isNoDomain(error)) throw error;
  };
  const state = await domainState(virsh, name);
  if (state !== undefined && state !== 'shut off' && state !== 'crashed') {
    await virsh(['destroy', name], `stop VM ${name}`).catch(async (error: unknown) => {
      // It may have stopped by itself in between.
      if ((await domainState(virsh, name)) === 'running') throw error;
    });
  }
  if ((await domainState(virsh, name)) !== undefined) {
    await virsh(['undefine', name, '--nvram', '--tpm'], `remove VM ${name}`).catch(ignoreGone);
  }
  await removeVmFolder(folder);
}

/** Options of `libvirt rm`. */
export interface RemoveOptions {
  connect: string | undefined;
  force: boolean;
  stop: boolean;
}

/**
 * Removes a VM. A running one only with `stop` or `force`; without `force` it only says what would be removed, as real
 * bcvk does.
 *
 * @throws CodedError VM_RUNNING, VM_NOT_FOUND
 */
export async function removeVm(name: string, options: RemoveOptions, context: Context): Promise<void> {
  const virsh = createVirsh(options.connect);
  const domain = await getDomain(virsh, name);
  if (isUp(domain) && !options.stop && !options.force) {
    throw new CodedError('VM_RUNNING', `VM '${name}' is running`, { hint: 'add --stop or --force, or stop it first' });
  }
  if (!options.force) {
    context.print(describeLoss([domain]));
    return;
  }
  await removeDomain(virsh, name, vmFolder(context.folders.state, name));
  context.print(`VM '${name}' removed successfully`);
}

/**
 * Removes all VMs that bcvk made, or those with a label. Running ones only with `stop`; one that cannot be removed does
 * not keep the others.
 *
 * @throws CodedError VMS_NOT_REMOVED
 */
export async function removeAllVms(
  options: RemoveOptions & { label: string | undefined },
  context: Context,
): Promise<void> {
  const virsh = createVirsh(options.connect);
  const all = await listDomains(virsh);
  const { label } = options;
  const domains = label === undefined ? all : all.filter(({ info }) => info.labels.includes(label));
  if (domains.length === 0) {
    context.print(label === undefined ? 'No VMs found' : `No VMs found with label '${label}'`);
    return;
  }
  if (!options.force) {
    context.print(describeLoss(domains));
    return;
  }
  const kept: string[] = [];
  for (const domain of domains) {
    const { name } = domain.info;
    if (isUp(domain) && !options.stop) {
      kept.push(`${name} is running (add --stop)`);
      continue;
    }
    try {
      await removeDomain(virsh, name, vmFolder(context.folders.state, name));
      context.print(`VM '${name}' removed successfully`);
    } catch (error) {
      kept.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (kept.length > 0) {
    throw new CodedError(
      'VMS_NOT_REMOVED',
      [`${kept.length} of ${domains.length} VMs are still there`, ...kept].join('\n  '),
      {
        hint: 'see: bcvk libvirt list --all',
      },
    );
  }
}

function isUp({ info }: DomainRecord): boolean {
  return info.state === 'running' || info.state === 'paused';
}

function describeLoss(domains: readonly DomainRecord[]): string {
  const rows = domains.map(
    ({ info }) => `  ${info.name} (${info.state}), image ${info.image ?? 'unknown'}, disk ${info.disk_path}`,
  );
  return [
    `This would permanently delete ${domains.length} VM(s) and their data:`,
    ...rows,
    'Nothing was removed. Use --force.',
  ].join('\n');
}
