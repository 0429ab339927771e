import { join } from 'node:path';
import { makeDirectory } from '@workbench/composefs';
import { CodedError, run } from '@workbench/run';
import {
  formatKernelArguments,
  parseKernelArguments,
  setComposefsArgument,
  splitKernelArgument,
} from '../boot/kernel-arguments.ts';
import { isSoftRebootCapable } from '../status/soft-reboot.ts';
import { readSoftRebootFacts } from '../status/soft-reboot-facts.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { isRootOf } from '../storage/environment.ts';
import { mountAt, parseMountInfo } from '../storage/mount-table.ts';
import { pathExists, readOptionalText } from '../storage/optional-file.ts';
import { buildRootModel, type DeploymentRecord, type RootModel } from '../storage/root-model.ts';
import { existingDeployments } from './existing-deployment.ts';
import { startFinalizeUnit } from './finalize-unit.ts';
import { nextRoot } from './overlay-etc.ts';
import type { RebootKind } from './reboot.ts';

/** What `--soft-reboot` accepts: fail, or restart everything, where userspace alone cannot be restarted. */
export type SoftRebootMode = 'required' | 'auto';

/** How a change of the next boot is to take effect, as `--apply` and `--soft-reboot` say. */
export interface ApplyOptions {
  apply: boolean;
  softReboot?: SoftRebootMode | undefined;
}

/** Where systemd looks for the root of the next userspace (systemd-soft-reboot.service(8)), and what makes it. */
export interface NextRootPlace {
  /** The process whose mount namespace gets the mounts: systemd. */
  initPid: number;
  nextRoot: string;
  /** The physical root in that namespace. */
  physicalRoot: string;
  setupScript: string;
}

/** That of the running system. */
export const systemPlace: NextRootPlace = {
  initPid: 1,
  nextRoot,
  physicalRoot: '/sysroot',
  // The initramfs has a copy of it; deployments that may soft-reboot into each other have the same initramfs.
  setupScript: '/usr/lib/dracut/modules.d/51bootc/initramfs-setup.sh',
};

const softRebootTargets = ['usr/lib/systemd/system/soft-reboot.target', 'lib/systemd/system/soft-reboot.target'];

/**
 * Prepares what `--apply` and `--soft-reboot` ask for and tells which restart is to follow, if any. With `--soft-reboot` the
 * root of the deployment is mounted for systemd to switch to; where that cannot be, `auto` falls back to a reboot.
 *
 * @returns what to hand to `rebootSystem` once the storage is closed and the lock is released; undefined for nothing.
 * @throws CodedError as {@link softRebootTarget}; `SOFT_REBOOT_NOT_CAPABLE` and `SOFT_REBOOT_UNSUPPORTED` with `required`.
 */
export async function prepareToApply(
  storage: BootedStorage,
  deploymentId: string,
  options: ApplyOptions,
): Promise<RebootKind | undefined> {
  const full = options.apply ? 'reboot' : undefined;
  if (options.softReboot === undefined) return full;
  const obstacle = await softRebootObstacle(storage, deploymentId);
  if (obstacle !== undefined) {
    if (options.softReboot === 'required') throw obstacle;
    process.stderr.write(`notice: ${obstacle.message}; it takes a reboot\n`);
    return full;
  }
  await prepareSoftReboot(storage, deploymentId);
  return options.apply ? 'soft-reboot' : undefined;
}

/**
 * Mounts the root of a deployment where systemd finds it at the next soft reboot, and prints that this was done.
 *
 * @throws CodedError as {@link softRebootTarget}; `SOFT_REBOOT_NOT_CAPABLE`, `SOFT_REBOOT_UNSUPPORTED`; CommandError when it
 * cannot be mounted: then nothing is.
 */
export async function prepareSoftReboot(storage: BootedStorage, deploymentId: string): Promise<void> {
  const obstacle = await softRebootObstacle(storage, deploymentId);
  if (obstacle !== undefined) throw obstacle;
  const model = await buildRootModel(storage);
  if (model.staged?.deploymentId === deploymentId) {
    await startFinalizeUnit();
  }
  const { commandLines } = await readSoftRebootFacts(model, storage);
  const sealed = commandLines?.get(deploymentId);
  await mountNextRoot(sealed ?? nextCommandLine(model.deployments.get(deploymentId)!, storage), systemPlace);
  process.stdout.write('Soft reboot setup complete\n');
}

/** Takes back what {@link prepareSoftReboot} did, and prints whether there was anything to take back. */
export async function resetSoftReboot(): Promise<void> {
  const wasMounted = await unmountNextRoot(systemPlace);
  process.stdout.write(wasMounted ? 'Cleared soft reboot queued state\n' : 'No deployment staged for soft rebooting\n');
}

async function softRebootObstacle(storage: BootedStorage, deploymentId: string): Promise<CodedError | undefined> {
  const model = await buildRootModel(storage);
  const target = softRebootTarget(model, deploymentId);
  const booted = model.deployments.get(model.host.deploymentId);
  const supported = await Promise.all(softRebootTargets.map((path) => pathExists(join(storage.root, path))));
  if (!supported.includes(true)) {
    return new CodedError('SOFT_REBOOT_UNSUPPORTED', 'systemd of this system does not support soft reboots', {
      hint: 'it takes systemd 254 or later; reboot instead',
    });
  }
  const facts = await readSoftRebootFacts(model, storage);
  if (booted !== undefined && isSoftRebootCapable(booted, target, facts)) return undefined;
  return new CodedError('SOFT_REBOOT_NOT_CAPABLE', 'Cannot soft-reboot to deployment with a different kernel state', {
    hint: 'kernel, initramfs, kernel arguments and SELinux policy would have to be the same; reboot instead',
  });
}

/**
 * The deployment to soft-reboot to. A soft reboot is a shutdown like any other, so that what is staged is finalized by it: what is only
 * downloaded is not, and would run without the local changes of `/etc`; and what is staged takes the place of every other one, which would
 * run without a boot entry.
 *
 * @throws CodedError `DEPLOYMENT_NOT_FOUND`, `SOFT_REBOOT_TO_BOOTED`, `SOFT_REBOOT_TO_LOCKED`, `SOFT_REBOOT_PAST_STAGED`.
 */
export function softRebootTarget(model: RootModel, deploymentId: string): DeploymentRecord {
  const existing = existingDeployments(model);
  const target = existing.find(({ deployment }) => deployment.id === deploymentId);
  if (target === undefined) {
    throw new CodedError('DEPLOYMENT_NOT_FOUND', `Deployment ${deploymentId} not found`, {
      hint: 'bootc status --format=json lists the deployments',
    });
  }
  if (target.role === 'booted') {
    throw new CodedError('SOFT_REBOOT_TO_BOOTED', 'Cannot soft-reboot to the currently booted deployment', {
      hint: 'systemctl soft-reboot restarts its userspace',
    });
  }
  const isLocked = model.staged?.isFinalizationLocked === true;
  if (target.role === 'staged' && isLocked) {
    throw new CodedError('SOFT_REBOOT_TO_LOCKED', 'Cannot soft-reboot to a deployment that was only downloaded', {
      hint: 'bootc upgrade --from-downloaded --soft-reboot=required',
    });
  }
  if (target.role !== 'staged' && !isLocked && existing.some(({ role }) => role === 'staged')) {
    throw new CodedError(
      'SOFT_REBOOT_PAST_STAGED',
      `Cannot soft-reboot to deployment ${deploymentId}: ${model.staged!.deploymentId} is staged to take its place`,
      { hint: 'bootc rollback --soft-reboot=required discards what is staged' },
    );
  }
  return target.deployment;
}

/** The kernel command line with which the deployment would be booted, whichever way its digest is written there. */
function nextCommandLine(target: DeploymentRecord, storage: BootedStorage): string {
  const entry = target.entries[0]?.entry.target;
  const options = parseKernelArguments(entry?.kind === 'linux' ? (entry.options ?? '') : '');
  const others = options.filter((arg) => splitKernelArgument(arg).key !== 'composefs.digest');
  const { isMissingVerityAllowed } = storage.host;
  return formatKernelArguments(setComposefsArgument(others, { deploymentId: target.id, isMissingVerityAllowed }));
}

/**
 * Sets up the root of a deployment at `place.nextRoot`, in place of what is mounted there. If it throws, nothing is mounted
 * there. Nothing on disk changes.
 *
 * @param commandLine the kernel command line that names the deployment.
 */
export async function mountNextRoot(commandLine: string, place: NextRootPlace): Promise<void> {
  await unmountNextRoot(place);
  makeDirectory(place.nextRoot, 0o755);
  // /sysroot is read-only in the running system, and what is bound from there would be, too.
  const writableRoot = `${place.nextRoot}.sysroot`;
  makeDirectory(writableRoot, 0o755);
  await inInit(place, ['mount', '--bind', place.physicalRoot, writableRoot], 'bind the physical root');
  try {
    await inInit(place, ['mount', '-o', 'remount,bind,rw', writableRoot], 'make the bound physical root writable');
    const setup = ['sh', place.setupScript, 'setup-root', '--sysroot', writableRoot, '--target', place.nextRoot];
    await inInit(place, [...setup, '--cmdline', commandLine], 'set up the root of the next userspace');
  } catch (error) {
    await unmountNextRoot(place);
    throw error;
  } finally {
    await inInit(place, ['umount', '--lazy', writableRoot], 'let go of the physical root');
  }
}

/**
 * Takes back a soft reboot that was prepared, and says so: what boots next is being decided anew. systemd would still switch to
 * that root, also at `systemctl reboot`, when the deployment is long deleted.
 *
 * @param deploymentId only when it was prepared for this deployment; default: whatever for.
 * @throws CommandError of umount(8).
 */
export async function cancelSoftReboot(
  source: Pick<BootedStorage, 'root'>,
  { deploymentId, place = systemPlace }: { deploymentId?: string; place?: NextRootPlace | undefined } = {},
): Promise<void> {
  const table = await readOptionalText(join(source.root, 'proc', `${place.initPid}`, 'mountinfo'));
  const prepared = mountAt(parseMountInfo(table ?? ''), place.nextRoot);
  if (prepared === undefined || (deploymentId !== undefined && !isRootOf(prepared, deploymentId))) return;
  await unmountNextRoot(place);
  process.stderr.write('notice: the soft reboot that was prepared is taken back\n');
}

/** Unmounts whatever is at `place.nextRoot`, with all below it. @returns whether there was anything. */
export async function unmountNextRoot(place: NextRootPlace): Promise<boolean> {
  let found = false;
  // Several may lie one on the other.
  while (await isMounted(place)) {
    await inInit(place, ['umount', '--recursive', '--lazy', place.nextRoot], 'unmount the root of the next userspace');
    found = true;
  }
  return found;
}

async function isMounted(place: NextRootPlace): Promise<boolean> {
  const argv = ['mountpoint', '--quiet', place.nextRoot];
  const { exitCode } = await inInit(place, argv, 'look for the root of the next userspace', [0, 1, 32]);
  return exitCode === 0;
}

function inInit(place: NextRootPlace, argv: readonly string[], step: string, okExitCodes: readonly number[] = [0]) {
  const namespace = ['nsenter', `--target=${place.initPid}`, '--mount', '--'] as const;
  return run([...namespace, ...argv], { step, timeoutMs: 120_000, okExitCodes });
}
