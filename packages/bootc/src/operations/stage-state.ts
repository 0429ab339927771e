import { join } from 'node:path';
import {
  type Directory,
  makeDirectory,
  type Repository,
  removeTree,
  replaceFile,
  replaceSymlink,
  syncFilesystem,
} from '@workbench/composefs';
import type { EtcMode } from '../boot/etc-mode.ts';
import { formatOrigin, type Origin } from '../deployment/origin.ts';
import {
  deploymentPaths,
  deploymentVarLinkTarget,
  etcOverlay,
  physicalRoot,
  updatedMark,
} from '../deployment/state-paths.ts';
import { writeTree } from '../etc-merge/write-etc.ts';

/**
 * Makes the state of a new deployment: the `/etc` of its image, the link to the shared `/var`, and the origin file last.
 *
 * After it resolves, all of it is on disk. If it throws or power is lost, any part of the folder is there; no boot entry leads
 * to it, so the garbage collector removes it, or the next attempt, which begins anew: whatever is there under this id is removed.
 */
export async function writeDeploymentState(
  repository: Repository,
  state: { physicalRootPath: string; deploymentId: string; etc: Directory; etcMode: EtcMode; origin: Origin },
): Promise<void> {
  const paths = deploymentPaths(state.physicalRootPath, state.deploymentId);
  await removeTree(paths.directory);
  for (const path of ['state', physicalRoot.deployments]) makeDirectory(join(state.physicalRootPath, path), 0o755);
  makeDirectory(paths.directory, 0o755);
  const entries = new Map(state.etc.entries);
  entries.delete(updatedMark);
  if (state.etcMode === 'overlay') for (const name of Object.values(etcOverlay)) entries.delete(name);
  await writeTree(repository, { ...state.etc, entries }, paths.etc);
  replaceSymlink(paths.varLink, deploymentVarLinkTarget, paths.directory);
  await replaceFile(paths.directory, paths.originName, formatOrigin(state.origin), { mode: 0o644 });
  await syncFilesystem(state.physicalRootPath);
}
