import { run } from '@workbench/run';
import type { BcvkClient } from './bcvk-client.ts';

/**
 * Writes into a log what one needs to know of this machine when it could not make a VM: space, memory, images, VMs.
 * Never throws: the failure that is being looked into is the one to report.
 */
export async function logLaunchEvidence(bcvk: BcvkClient, logFile: string): Promise<void> {
  const commands: [string, ...string[]][] = [
    ['df', '-h'],
    ['free', '-m'],
    ['podman', 'images', '--all'],
    bcvk.command(['libvirt', 'list', '--all']),
    ['du', '-sh', '/var/lib/containers', '/var/lib/libvirt', '/var/tmp'],
  ];
  for (const argv of commands) {
    await run(argv, { step: 'look at this machine', timeoutMs: 30_000, logFile }).catch(() => undefined);
  }
}
