import { existsSync, readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { type HeldLock, tryLock } from '@workbench/run/flock';
import { devPlacesIn } from '../dev/dev-places.ts';
import { buildLockName } from '../image/build-lock.ts';
import { stateFileName } from '../test-matrix/keep-matrix.ts';
import { readMatrixState } from '../test-matrix/matrix-state.ts';
import { isAlive, parseOwner } from './owner.ts';
import { isRunning, listRuns } from './run-folder.ts';

/** What stays: tools take minutes to install, images are signed with the keys, and a build may hold the lock. */
const kept = ['tools', 'secure-boot-keys', buildLockName];

/** What is to be removed of the folder of generated things. */
export interface CleanOptions {
  /** target/ */
  target: string;
  /** The tools too; keys stay always. */
  all: boolean;
  /** Only tells. */
  dryRun: boolean;
}

/**
 * Removes what runs generated.
 *
 * @returns names of what was removed, or would be, and of what was spared for the development VM.
 * @throws CodedError RUNS_GO_ON when a run or a matrix works in it, BUILD_GOES_ON when a build does; nothing is removed then.
 */
export async function cleanTarget(options: CleanOptions): Promise<{ removed: string[]; spared: string[] }> {
  const { all, dryRun, target } = options;
  refuseWhileRuns(target);
  using _builds = holdBuilds(target);
  const names = (await readdir(target).catch(() => [] as string[])).sort();
  const { connection, sysext, logs, keyFile } = devPlacesIn(target);
  // As long as there is a development VM, it needs versions of the program, its logs, and its key.
  const ofDevVm = existsSync(connection) ? [sysext, logs, keyFile] : [];
  const spared = names.filter((name) => ofDevVm.includes(join(target, name)));
  const stays = [...kept.filter((name) => !all || name !== 'tools'), ...spared];
  const removed = names.filter((name) => !stays.includes(name));
  if (!dryRun) for (const name of removed) await rm(join(target, name), { recursive: true, force: true });
  return { removed, spared };
}

/** Keeps builds from beginning; undefined where none has ever run. */
function holdBuilds(target: string): HeldLock | undefined {
  const file = join(target, buildLockName);
  if (!existsSync(file)) return undefined;
  const held = tryLock(file, 'clean');
  if (held !== undefined) return held;
  const holder = readFileSync(file, 'utf8').trim();
  throw new CodedError('BUILD_GOES_ON', `process ${holder} is at work in ${target}`, {
    hint: 'wait for it, or stop it with Ctrl-C',
  });
}

function refuseWhileRuns(target: string): void {
  const matrix = parseOwner(readMatrixState(join(target, 'matrix', stateFileName))?.owner ?? '');
  const owners = listRuns(join(target, 'runs'))
    .filter(({ record }) => isRunning(record))
    .map(({ record }) => record.owner);
  const pids = new Set([...owners, ...(matrix === undefined ? [] : [matrix])].filter(isAlive).map(({ pid }) => pid));
  if (pids.size === 0) return;
  throw new CodedError('RUNS_GO_ON', `process ${[...pids].join(', ')} runs tests in ${target}`, {
    hint: 'wait for it, or stop it with Ctrl-C',
  });
}
