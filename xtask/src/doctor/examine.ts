import { CommandError, run } from '@workbench/run';
import pLimit from 'p-limit';
import { workspace } from '../settings/workspace.ts';
import { readDistribution } from './distribution.ts';
import type { Finding } from './finding.ts';
import { checkDisk, checkFirmware, checkKvm, checkLibvirt, checkVirtiofsd } from './machine.ts';
import { checkTool, tools } from './tools.ts';

/** Looks at everything that a run needs. Changes nothing but the cached answer of the KVM probe. */
export async function examineMachine(signal: AbortSignal): Promise<Finding[]> {
  const distribution = await readDistribution();
  const limit = pLimit(4);
  const checks = [
    ...tools.map((tool) => () => checkTool(tool, distribution, signal)),
    () => checkLibvirt(distribution, signal),
    () => checkFirmware(distribution),
    () => checkVirtiofsd(distribution),
    () => checkKvm(signal),
    () => checkDisk('disk', workspace.target),
    async () => checkDisk('images', await podmanStorage(signal)),
  ];
  return Promise.all(checks.map((check) => limit(check)));
}

/** The folder in which podman keeps images; without podman, that of the repository. */
async function podmanStorage(signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await run(['podman', 'info', '--format={{.Store.GraphRoot}}'], {
      step: 'ask podman where it keeps images',
      timeoutMs: 30_000,
      signal,
    });
    return stdout.trim();
  } catch (error) {
    if (!(error instanceof CommandError) || error.failure === 'aborted') throw error;
    return workspace.target;
  }
}
