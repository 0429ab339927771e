import { CodedError } from '@workbench/run';
import { openBootedStorage } from '../storage/booted-storage.ts';
import { lockOperations } from '../storage/operation-lock.ts';
import { rebootSystem } from './reboot.ts';
import { prepareSoftReboot, resetSoftReboot } from './soft-reboot.ts';

/** What `bootc internals prep-soft-reboot` is told. */
export interface PrepareSoftRebootOptions {
  deploymentId: string | undefined;
  reboot: boolean;
  /** Takes back what was prepared. */
  reset: boolean;
}

/**
 * `bootc internals prep-soft-reboot`
 *
 * @throws CodedError `DEPLOYMENT_MISSING` without a deployment; as prepareSoftReboot.
 */
export async function runPrepareSoftReboot(options: PrepareSoftRebootOptions): Promise<void> {
  if (options.reset) {
    await resetSoftReboot();
    return;
  }
  const { deploymentId } = options;
  if (deploymentId === undefined) {
    throw new CodedError('DEPLOYMENT_MISSING', 'a deployment is required, unless there is --reset', {
      hint: 'bootc status --format=json lists the deployments',
    });
  }
  {
    using _lock = await lockOperations('/');
    await using storage = await openBootedStorage('read');
    await prepareSoftReboot(storage, deploymentId);
  }
  if (options.reboot) await rebootSystem('soft-reboot', 'bootc internals prep-soft-reboot');
}
