import { join } from 'node:path';
import { lock } from '@workbench/run/flock';
import { listDomains } from './domain-info.ts';
import { chooseSshPort } from './ports.ts';
import type { VmParts } from './vm-parts.ts';

/** Chooses a port for a VM's ssh, and starts the VM before any other may choose one: QEMU listens then. */
export async function withSshPort<T>(
  name: string,
  { request, virsh, context }: VmParts,
  start: (sshPort: number) => Promise<T>,
): Promise<T> {
  using _held = await lock(join(context.folders.runtime, 'ports.lock'), {
    holder: `starting VM ${name}`,
    signal: context.signal,
    onWait: (holder) => context.phases.note(`Waiting for process ${holder}`),
  });
  const taken = (await listDomains(virsh)).map(({ info }) => info.ssh_port).filter((port) => port !== null);
  return await start(await chooseSshPort(new Set([...taken, ...request.ports.map(({ hostPort }) => hostPort)])));
}
