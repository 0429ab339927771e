import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { lock, tryLock } from '@workbench/run/flock';
import {
  addBaseDisk,
  type BaseDisk,
  baseDiskFolder,
  baseDiskLockFile,
  baseDiskPlaces,
  findBaseDisk,
  listBaseDisks,
  listBrokenBaseDisks,
  removeBaseDisk,
  touchBaseDisk,
} from '../cache/base-disks.ts';
import { type BaseDiskInputs, baseDiskInputs, readProgramVersion } from '../cache/key.ts';
import { type PruneDecision, planPrune } from '../cache/prune.ts';
import type { Context } from '../context/context.ts';
import type { ImageFacts } from '../images/podman.ts';
import { parseDiskSize, showBytes } from '../sizes/sizes.ts';
import { installToDisk } from '../to-disk/install.ts';
import type { InstallOptions } from '../to-disk/install-options.ts';
import { baseDiskUsers } from './vm-folder.ts';

const defaultBudget = '20G';
const installerMemoryMiB = 4096;
const roomForBootFiles = 2 ** 29;

/** A base disk that is wanted. */
export interface BaseDiskRequest {
  image: ImageFacts;
  options: InstallOptions;
  diskBytes: number;
  firmware: BaseDiskInputs['firmware'];
  storagePath: string | undefined;
  virtiofsd: string | undefined;
}

/**
 * Finds the base disk of exactly these inputs, or installs it. Whoever comes while it is being installed waits and takes it.
 * The disk counts as used now, so that it is not the first to be pruned.
 */
export async function findOrInstallBaseDisk(request: BaseDiskRequest, context: Context): Promise<BaseDisk> {
  const { phases } = context;
  const folder = baseDiskFolder(context.folders.cache);
  const inputs = baseDiskInputs({
    ...request,
    imageDigest: request.image.digest,
    sourceReference: request.image.reference,
    programVersion: readProgramVersion(),
  });
  const places = baseDiskPlaces(folder, inputs);
  mkdirSync(folder, { recursive: true });
  return phases.run('base-disk', `Base disk ${places.key}`, async (phase) => {
    const found = findBaseDisk(folder, places.key);
    phase.fact('cached', found !== undefined);
    if (found !== undefined) {
      touchBaseDisk(folder, places.key, new Date());
      phase.note(`Base disk ${places.key} is in the cache (explain it: bcvk cache explain ${places.key})`);
      return found;
    }
    using _held = await lock(places.lockFile, {
      holder: `installing ${request.image.reference}`,
      signal: context.signal,
      onWait: (holder) => phase.note(`Waiting for process ${holder}`),
    });
    const madeMeanwhile = findBaseDisk(folder, places.key);
    if (madeMeanwhile !== undefined) {
      touchBaseDisk(folder, places.key, new Date());
      return madeMeanwhile;
    }
    removeParts(folder, places.key);
    await checkRoom(folder, request.image.sizeBytes);
    const began = performance.now();
    const result = await installToDisk(
      {
        image: request.image,
        options: request.options,
        diskFile: places.temporaryFile,
        format: 'qcow2',
        diskBytes: request.diskBytes,
        memoryMiB: installerMemoryMiB,
        cpus: undefined,
        storagePath: request.storagePath,
        virtiofsd: request.virtiofsd,
        installEnvironment: {},
        showOutput: false,
        logFolder: undefined,
      },
      context,
    );
    const disk = addBaseDisk(folder, places.temporaryFile, {
      inputs,
      created: new Date().toISOString(),
      kernelSha256: result.kernelSha256,
      processorLevel: result.processorLevel,
      installSeconds: Math.round((performance.now() - began) / 100) / 10,
    });
    pruneBaseDisks(context, { protectedKey: disk.key });
    return disk;
  });
}

/** Prunes the cache to its budget (`BCVK_CACHE_BUDGET`, 20G by default), or to `budgetBytes`; gives all decisions. */
export function pruneBaseDisks(
  context: Context,
  options: { budgetBytes?: number; protectedKey?: string; dryRun?: boolean },
): PruneDecision<BaseDisk & { usedBy: string[] }>[] {
  const folder = baseDiskFolder(context.folders.cache);
  const budget = options.budgetBytes ?? parseDiskSize(context.env.BCVK_CACHE_BUDGET || defaultBudget);
  const plan = planPrune(listBaseDisksWithUsers(context), budget, options.protectedKey);
  if (options.dryRun === true) return plan;
  const users = baseDiskUsers(context.folders.state);
  const broken = listBrokenBaseDisks(folder).filter((key) => !users.has(key));
  const overBudget = plan.filter(({ keep }) => !keep).map(({ disk }) => disk.key);
  for (const key of [...broken, ...overBudget]) {
    using held = tryLock(baseDiskLockFile(folder, key), 'prune');
    if (held === undefined) continue;
    removeBaseDisk(folder, key);
    context.phases.note(
      `Removed base disk ${key} (${broken.includes(key) ? 'its record is not valid' : 'over the budget'})`,
    );
  }
  return plan;
}

/** All base disks, each with the VMs that use it. */
export function listBaseDisksWithUsers(context: Context): (BaseDisk & { usedBy: string[] })[] {
  const users = baseDiskUsers(context.folders.state);
  return listBaseDisks(baseDiskFolder(context.folders.cache)).map((disk) => ({
    ...disk,
    usedBy: users.get(disk.key) ?? [],
  }));
}

/**
 * Refuses an installation for which the cache's file system has no room, before it runs for a minute. An installed disk takes
 * about twice its image, with file system structures and boot files.
 *
 * @throws CodedError CACHE_FULL
 */
async function checkRoom(folder: string, imageBytes: number): Promise<void> {
  const needed = imageBytes * 2 + roomForBootFiles;
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= needed) return;
  const sizes = `${showBytes(bavail * bsize)} free, about ${showBytes(needed)} needed`;
  throw new CodedError('CACHE_FULL', `no room for a base disk in ${folder}: ${sizes}`, {
    hint: 'bcvk cache prune --budget=SIZE, or put BCVK_CACHE_DIR elsewhere',
  });
}

/** Removes what a killed installation of this disk left; only the holder of its lock may call it. */
function removeParts(folder: string, key: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (name.startsWith(`.bootc-base-${key}.`) && name.endsWith('.part')) rmSync(join(folder, name), { force: true });
  }
}
