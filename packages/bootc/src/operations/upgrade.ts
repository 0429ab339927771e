import type { SourceInspection } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { displayReference, formatTransportReference, type OriginReference } from '../deployment/image-reference.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { writeCachedUpdate } from '../storage/cached-update.ts';
import { deploymentRoles } from '../storage/deployment-roles.ts';
import { buildRootModel, type RootModel } from '../storage/root-model.ts';
import { type ExistingDeployment, findDeploymentOfImage } from './existing-deployment.ts';
import { nameOfStaged, setFinalizationLock } from './finalization-lock.ts';
import { inspectTarget } from './inspect-target.ts';
import { formatManifestDifference } from './manifest-difference.ts';
import { withTag } from './retag.ts';
import { assertSignatureIsVerified } from './signature-policy.ts';
import { stageImage } from './stage.ts';
import type { UpdateEnvironment } from './update-environment.ts';

/** What `bootc upgrade` is told about the image. */
export interface UpgradeOptions {
  /** Stage it, but keep it from being finalized at shutdown. */
  isDownloadOnly: boolean;
  /** Follow another tag of the image. */
  tag?: string | undefined;
}

/**
 * Stages a newer version of the image that the system follows: that of the staged deployment, if there is one, else of the booted one.
 *
 * @returns the deployment that boots next because of it, new or staged before; undefined when there is nothing new.
 * @throws CodedError `NO_IMAGE_SOURCE`; what stageImage throws.
 */
export async function upgrade(
  storage: BootedStorage,
  options: UpgradeOptions,
  environment: UpdateEnvironment,
): Promise<string | undefined> {
  const model = await buildRootModel(storage);
  const target = upgradeTarget(model, options.tag);
  await assertSignatureIsVerified(storage.root, target);
  const inspection = await inspectTarget(storage, target);
  const existing = findDeploymentOfImage(model, inspection);
  if (existing?.role === 'staged') return reuseStaged(storage, model, options, environment);
  if (existing !== undefined) {
    environment.print(`No changes in: ${displayReference(target)}`);
    if (existing.role !== 'booted') environment.print(tellWhose(existing));
    return undefined;
  }
  const staged = await stageImage(storage, {
    ...environment,
    target,
    inspection,
    isLocked: options.isDownloadOnly,
  });
  printStaged(target, staged, options.isDownloadOnly, environment);
  return staged.deploymentId;
}

// Going back from a version is not undone by looking for updates.
function tellWhose({ role, deployment }: ExistingDeployment): string {
  return `It is the image of the ${role} deployment ${deployment.id}${role === 'rollback' ? '; bootc rollback boots it' : ''}`;
}

/** Tells what was staged. */
export function printStaged(
  target: OriginReference,
  staged: { manifestDigest: string },
  isLocked: boolean,
  { print }: Pick<UpdateEnvironment, 'print'>,
): void {
  print(`${isLocked ? 'Downloaded, but not for the next boot' : 'Queued for next boot'}: ${displayReference(target)}`);
  print(`  Digest: ${staged.manifestDigest}`);
  if (isLocked) print('To use it, run: bootc upgrade --from-downloaded');
}

async function reuseStaged(
  storage: BootedStorage,
  model: RootModel,
  options: UpgradeOptions,
  environment: UpdateEnvironment,
): Promise<string> {
  const { deploymentId, isFinalizationLocked } = model.staged!;
  if (isFinalizationLocked !== options.isDownloadOnly) {
    if (!options.isDownloadOnly) await environment.startFinalizer();
    await setFinalizationLock(storage, model, options.isDownloadOnly);
  }
  environment.print(`No changes in staged image: ${nameOfStaged(model)}`);
  if (options.isDownloadOnly)
    environment.print('Update already downloaded. To use it, run: bootc upgrade --from-downloaded');
  else environment.print('Update already staged. To apply update run `bootc update --apply`');
  return deploymentId;
}

/**
 * Releases what was only downloaded, so that it is finalized when the system goes down. Needs no network.
 *
 * @returns the staged deployment when it was released; undefined when it was not locked, so that nothing changed.
 * @throws CodedError `NO_STAGED_DEPLOYMENT`.
 */
export async function releaseDownloaded(
  storage: BootedStorage,
  environment: Pick<UpdateEnvironment, 'print' | 'startFinalizer'>,
): Promise<string | undefined> {
  const model = await buildRootModel(storage);
  const { staged } = deploymentRoles(model);
  if (staged === undefined) {
    throw new CodedError('NO_STAGED_DEPLOYMENT', 'No staged deployment found', {
      hint: 'bootc upgrade --download-only makes one; a reboot discards it',
    });
  }
  if (model.staged?.isFinalizationLocked !== true) {
    environment.print('Staged deployment is present and not in download only mode.');
    environment.print('Use `bootc update --apply` to apply the update.');
    return undefined;
  }
  await environment.startFinalizer();
  await setFinalizationLock(storage, model, false);
  environment.print(`Staged deployment will be applied on next boot: ${staged.id}`);
  return staged.id;
}

/**
 * Tells whether there is a newer version, and how it differs from the present one. Nothing changes but what status tells of it until the
 * next boot.
 *
 * @throws CodedError `NO_IMAGE_SOURCE`; what looking at the image throws.
 */
export async function checkForUpgrade(
  storage: BootedStorage,
  options: { tag?: string | undefined },
  { print }: Pick<UpdateEnvironment, 'print'>,
): Promise<SourceInspection> {
  const model = await buildRootModel(storage);
  const target = upgradeTarget(model, options.tag);
  await assertSignatureIsVerified(storage.root, target);
  const inspection = await inspectTarget(storage, target);
  const version = inspection.manifest.annotations?.['org.opencontainers.image.version'];
  await writeCachedUpdate(storage.root, {
    reference: formatTransportReference(target),
    manifestDigest: inspection.manifestDigest,
    version: version ?? null,
    created: inspection.config.created ?? null,
    architecture: inspection.config.architecture,
  });
  const existing = findDeploymentOfImage(model, inspection);
  if (existing?.role === 'booted') {
    print(`No changes in: ${displayReference(target)}`);
    return inspection;
  }
  if (existing?.role === 'staged') {
    print(`No changes in staged image: ${displayReference(target)}`);
    return inspection;
  }
  print(`Update available for: ${displayReference(target)}`);
  if (version !== undefined) print(`  Version: ${version}`);
  print(`  Digest: ${inspection.manifestDigest}`);
  const { staged, booted } = deploymentRoles(model);
  for (const line of formatManifestDifference((staged ?? booted).image?.manifest, inspection.manifest)) print(line);
  if (existing !== undefined) print(tellWhose(existing));
  return inspection;
}

function upgradeTarget(model: RootModel, tag: string | undefined): OriginReference {
  const { staged, booted } = deploymentRoles(model);
  const { reference } = staged ?? booted;
  if (reference !== undefined) return tag === undefined ? reference : withTag(reference, tag);
  throw new CodedError(
    'NO_IMAGE_SOURCE',
    tag === undefined ? 'No image source specified' : '--tag requires a booted image with a specified source',
    { hint: 'say which image to follow: bootc switch IMAGE' },
  );
}
