import type { DeploymentRecord, RootModel } from './root-model.ts';

/** What each deployment is to the system. */
export interface DeploymentRoles {
  booted: DeploymentRecord;
  staged?: DeploymentRecord;
  /** Of the other active ones the first in the menu. */
  rollback?: DeploymentRecord;
  others: readonly DeploymentRecord[];
  /** The menu begins with another deployment than the booted one, so the next boot goes there. */
  isRollbackQueued: boolean;
}

/**
 * Sorts the booted deployment, and those that have a boot entry and an origin, by what they are. One that is only among the staged entries
 * without being the staged deployment is a leftover of a run that was cut short, and is nothing.
 */
export function deploymentRoles(model: RootModel): DeploymentRoles {
  const { host, staged } = model;
  const usable = (id: string | undefined): DeploymentRecord | undefined => {
    const record = id === undefined ? undefined : model.deployments.get(id);
    return record?.origin !== undefined && record.entries.length > 0 ? record : undefined;
  };
  // It runs, so it is there, whatever has become of its entry or its origin.
  const booted = model.deployments.get(host.deploymentId) ?? {
    id: host.deploymentId,
    entries: [],
    hasState: false,
    problems: [`No boot entry and no state for the booted deployment ${host.deploymentId}`],
  };
  const stagedRecord = staged?.deploymentId === host.deploymentId ? undefined : usable(staged?.deploymentId);
  const active = model.entries.filter((entry) => entry.set === 'active');
  const [rollback, ...others] = [...new Set(active.map((entry) => entry.deploymentId))]
    .filter((id) => id !== host.deploymentId && id !== stagedRecord?.id)
    .flatMap((id) => usable(id) ?? []);
  const first = active[0]?.deploymentId;
  return {
    booted,
    ...(stagedRecord === undefined ? {} : { staged: stagedRecord }),
    ...(rollback === undefined ? {} : { rollback }),
    others,
    isRollbackQueued: rollback !== undefined && first !== undefined && first !== host.deploymentId,
  };
}
