import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '@workbench/run';
import type { Context } from '../context/context.ts';
import { getDomain } from './domain-info.ts';
import { createVirsh, domainState } from './virsh.ts';
import { bindReadOnly, readVmRecord, vmFolder } from './vm-folder.ts';

const pollMs = 500;

/** Starts a stopped VM; a running one is no error. */
export async function startVm(name: string, connect: string | undefined, context: Context): Promise<void> {
  const virsh = createVirsh(connect);
  const { info } = await getDomain(virsh, name);
  if (info.state === 'running') {
    context.print(`VM '${name}' is already running`);
    return;
  }
  // Bind mounts end with the host's uptime, the VM does not.
  const record = readVmRecord(vmFolder(context.folders.state, name));
  if (record !== undefined) await bindReadOnly(record);
  await virsh([info.state === 'paused' ? 'resume' : 'start', name], `start VM ${name}`);
  context.print(`VM '${name}' started successfully`);
}

/**
 * Stops a VM: asks it to shut down and waits, or with `force` cuts its power.
 *
 * @throws CodedError VM_STAYS_ON if it does not shut down in time; it runs on then
 */
export async function stopVm(
  name: string,
  options: { connect: string | undefined; force: boolean; timeoutSeconds: number },
  context: Context,
): Promise<void> {
  const virsh = createVirsh(options.connect);
  const { info } = await getDomain(virsh, name);
  if (info.state !== 'running' && info.state !== 'paused') {
    context.print(`VM '${name}' is already stopped (state: ${info.state})`);
    return;
  }
  await virsh([options.force ? 'destroy' : 'shutdown', name], `stop VM ${name}`);
  const deadline = performance.now() + options.timeoutSeconds * 1000;
  for (;;) {
    const state = await domainState(virsh, name);
    if (state === undefined || state === 'shut off') break;
    if (performance.now() > deadline) {
      throw new CodedError('VM_STAYS_ON', `VM '${name}' did not shut down in ${options.timeoutSeconds} s (${state})`, {
        hint: 'give it more time with --timeout, or cut its power with --force',
      });
    }
    await delay(pollMs, undefined, { signal: context.signal });
  }
  context.print(`VM '${name}' stopped successfully`);
}
