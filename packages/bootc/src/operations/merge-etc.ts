import { join } from 'node:path';
import { isSystemError, removeFile } from '@workbench/composefs';
import { readEtcMode } from '../boot/etc-mode.ts';
import { deploymentPaths, etcOverlay, updatedMark } from '../deployment/state-paths.ts';
import { mergeConflictError } from '../etc-merge/conflict-error.ts';
import { kindInTree, type MergeStep, planMerge } from '../etc-merge/plan-merge.ts';
import { readImageEtc, scanEtc } from '../etc-merge/read-etc.ts';
import { applyMerge } from '../etc-merge/write-etc.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { isRootOf } from '../storage/environment.ts';
import { mountAt } from '../storage/mount-table.ts';
import { openBareEtc, withoutDisposal } from './bare-etc.ts';
import { openOverlayEtc } from './overlay-etc.ts';

/**
 * Makes sure that the local changes of `/etc` of the booted system can come into that of another deployment. Changes nothing.
 *
 * @throws CodedError `ETC_MERGE_CONFLICT`, `IMAGE_WITHOUT_ETC`; `OBJECT_MISSING` when one of the two images is gone; CommandError
 * of mount(8).
 */
export async function assertEtcMerges(storage: BootedStorage, deploymentId: string): Promise<void> {
  await using current = await openLastingEtc(storage);
  await planEtcMerge(storage, { deploymentId, current: current.path });
}

async function planEtcMerge(
  storage: BootedStorage,
  { deploymentId, current }: { deploymentId: string; current: string },
): Promise<readonly MergeStep[]> {
  const repository = await storage.openRepository();
  const next = readImageEtc(repository, deploymentId);
  const { conflicts, steps } = planMerge(
    readImageEtc(repository, storage.host.deploymentId),
    await scanEtc(current, repository.algorithm),
    (path) => kindInTree(next, path),
  );
  if (conflicts.length > 0) throw mergeConflictError(conflicts);
  return steps;
}

/**
 * Brings the local changes of `/etc` of the booted system into that of another deployment, whose state is there.
 *
 * They go into the `etc` of its state folder, whatever it makes of that: one that has its `/etc` only in memory does not see them, but
 * hands them on to the next. One whose `/etc` is an overlay sees nothing of that folder but the overlay, so there they go into both.
 *
 * Nothing is synced: the caller does, before anything boots with it. If it throws or is stopped, a part was done; doing it again
 * completes it.
 *
 * @throws what assertEtcMerges and openOverlayEtc throw; CodedError `SETUP_ROOT_CONFIGURATION_INVALID`; a system error.
 */
export async function mergeEtc(storage: BootedStorage, deploymentId: string): Promise<void> {
  // Something may vanish from the /etc in use after it was planned for; then it is planned anew.
  for (let attempt = 1; ; attempt++) {
    try {
      return await mergeOnce(storage, deploymentId);
    } catch (error) {
      if (attempt === attempts || !isSystemError(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error;
    }
  }
}

const attempts = 5;

async function mergeOnce(storage: BootedStorage, deploymentId: string): Promise<void> {
  await using lasting = await openLastingEtc(storage);
  const current = lasting.path;
  const steps = await planEtcMerge(storage, { deploymentId, current });
  const { etc } = deploymentPaths(storage.physicalRoot, deploymentId);
  const mode = await readEtcMode(await storage.openRepository(), deploymentId);
  const isOverlay = mode === 'overlay';
  applyMerge(isOverlay ? steps.filter(({ path }) => !isInOverlay(path)) : steps, { current, target: etc });
  await removeFile(join(etc, updatedMark));
  if (!isOverlay) return;
  await using overlay = await openOverlayEtc(storage, deploymentId);
  applyMerge(steps, { current, target: overlay.path });
  await removeFile(join(overlay.path, updatedMark));
}

function isInOverlay(path: string): boolean {
  return (Object.values(etcOverlay) as string[]).includes(path.split('/')[0]!);
}

/**
 * The `/etc` whose local changes go over to the next deployment. That is the one in use, unless all that is changed there is to be
 * gone with the power, or it is a read-only part of the image: then it is the one in the state folder of the booted deployment, with what
 * was changed before. So nothing of a boot with a transient `/etc` becomes lasting by an update, nothing of it can stand in the way of
 * one, and a deployment that does not use its state folder hands it on. Of the one in use, without what is mounted below it.
 */
async function openLastingEtc(
  storage: Pick<BootedStorage, 'root' | 'physicalRoot' | 'host' | 'mounts'>,
): Promise<{ path: string } & AsyncDisposable> {
  const { physicalRoot, host, mounts } = storage;
  const { etc } = deploymentPaths(physicalRoot, host.deploymentId);
  // As initramfs-setup mounts them. A part of the root is no mount, unless the unit that runs this has made it one of its own.
  const mount = mountAt(mounts, '/etc');
  const isPassing = mount?.filesystem === 'overlay' && mount.source === 'transient';
  if (mount === undefined || isRootOf(mount, host.deploymentId) || isPassing) return withoutDisposal(etc);
  return await openBareEtc(storage);
}
