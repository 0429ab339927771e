import { replaceFile } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { displayReference, formatOriginReference, type OriginReference } from '../deployment/image-reference.ts';
import { formatOrigin } from '../deployment/origin.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { deploymentRoles } from '../storage/deployment-roles.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { setFinalizationLock } from './finalization-lock.ts';
import { inspectTarget } from './inspect-target.ts';
import { assertSignatureIsVerified } from './signature-policy.ts';
import { stageImage } from './stage.ts';
import type { UpdateEnvironment } from './update-environment.ts';
import { printStaged } from './upgrade.ts';

/**
 * Stages another image, which the system follows from then on.
 *
 * @returns the deployment that boots next because of it; undefined when the system follows that image already and nothing is staged.
 * @throws CodedError `SAME_CONTENT`; what stageImage throws.
 */
export async function switchTo(
  storage: BootedStorage,
  target: OriginReference,
  environment: UpdateEnvironment,
  options: { isUnifiedRequested: boolean } = { isUnifiedRequested: false },
): Promise<string | undefined> {
  const model = await buildRootModel(storage);
  const { staged, booted } = deploymentRoles(model);
  const { reference } = staged ?? booted;
  if (reference !== undefined && formatOriginReference(reference) === formatOriginReference(target)) {
    environment.print('Image specification is unchanged.');
    if (staged !== undefined && model.staged?.isFinalizationLocked === true) {
      // It was only downloaded so far; now it is wanted.
      await environment.startFinalizer();
      await setFinalizationLock(storage, model, false);
    }
    return staged?.id;
  }
  await assertSignatureIsVerified(storage.root, target);
  const inspection = await inspectTarget(storage, target);
  const request = {
    ...environment,
    target,
    inspection,
    isLocked: false,
    isUnifiedRequested: options.isUnifiedRequested,
  };
  const stagedImage = await stageImage(storage, request);
  printStaged(target, stagedImage, false, environment);
  return stagedImage.deploymentId;
}

/**
 * Changes only the record of which image the booted deployment follows: the next upgrade looks there. After it resolves, the record is
 * on disk; if it throws or power is lost, it is the old one or the new one.
 *
 * @throws CodedError `ORIGIN_MISSING`.
 */
export async function switchInPlace(
  storage: BootedStorage,
  target: OriginReference,
  { print }: Pick<UpdateEnvironment, 'print'>,
): Promise<void> {
  const { booted } = deploymentRoles(await buildRootModel(storage));
  if (booted.origin === undefined) {
    throw new CodedError('ORIGIN_MISSING', `the booted deployment ${booted.id} has no origin file`, {
      hint: 'bootc switch IMAGE without --mutate-in-place makes a deployment that has one',
    });
  }
  const { directory, originName } = deploymentPaths(storage.physicalRoot, booted.id);
  const origin = { ...booted.origin, imageReference: formatOriginReference(target) };
  await replaceFile(directory, originName, formatOrigin(origin), { mode: 0o644 });
  print(`The booted deployment now follows: ${displayReference(target)}`);
}
