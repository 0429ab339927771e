import { CodedError } from '@workbench/run';
import { deploymentRoles } from '../storage/deployment-roles.ts';
import type { DeploymentRecord, RootModel } from '../storage/root-model.ts';

/** A deployment that is there, and what it is to the system. */
export interface ExistingDeployment {
  role: 'staged' | 'booted' | 'rollback' | 'other';
  deployment: DeploymentRecord;
}

/** All deployments that can boot, or will. A leftover of an interrupted attempt is none of them. */
export function existingDeployments(model: RootModel): ExistingDeployment[] {
  const { staged, booted, rollback, others } = deploymentRoles(model);
  return [
    { role: 'booted' as const, deployment: booted },
    ...(staged === undefined ? [] : [{ role: 'staged' as const, deployment: staged }]),
    ...(rollback === undefined ? [] : [{ role: 'rollback' as const, deployment: rollback }]),
    ...others.map((deployment) => ({ role: 'other' as const, deployment })),
  ];
}

/** The deployment that was made of this very image: of the same manifest, or of the same configuration and so the same layers. */
export function findDeploymentOfImage(
  model: RootModel,
  image: { manifestDigest: string; configDigest: string },
): ExistingDeployment | undefined {
  const existing = existingDeployments(model);
  return (
    existing.find(({ deployment }) => deployment.image?.manifestDigest === image.manifestDigest) ??
    existing.find(({ deployment }) => deployment.image?.manifest.config.digest === image.configDigest)
  );
}

/** The error for an image whose content a deployment has already. */
export function sameContentError(imageName: string, existing: ExistingDeployment): CodedError {
  const { role, deployment } = existing;
  const hints = {
    booted: 'it runs already; if something else is staged, bootc delete-deployment takes that back',
    staged: 'reboot to use it',
    rollback: 'bootc rollback boots it',
    other: 'bootc status --format=json tells more of it',
  };
  return new CodedError(
    'SAME_CONTENT',
    `Target image has the same fs-verity digest as the existing ${role} deployment ${deployment.id}: ${imageName}`,
    { hint: hints[role] },
  );
}
