import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFile, removeTree, replaceFile, replaceSymlink } from '@workbench/composefs';
import { run } from '@workbench/run';
import type { EtcMode } from '../boot/etc-mode.ts';
import { formatOrigin, type Origin } from '../deployment/origin.ts';
import {
  deploymentPaths,
  deploymentVarLinkTarget,
  etcOverlay,
  physicalRoot,
  updatedMark,
} from '../deployment/state-paths.ts';

/**
 * Makes the state of the first deployment on a physical root: its `/etc` as the image has it, the shared `/var` too unless
 * there is one, the link to the latter, and the origin file last. `etc/.updated` is left out, so that services with ConditionNeedsUpdate run
 * at the first boot.
 *
 * When this resolves all is written but only the origin is synced; the caller syncs the file system before it makes a
 * boot entry. An existing state of this deployment is an error of the file system (`EEXIST`).
 */
export async function seedState(options: {
  physicalRootMount: string;
  imageRoot: string;
  deploymentId: string;
  etcMode: EtcMode;
  origin: Origin;
  signal?: AbortSignal;
}): Promise<void> {
  const { physicalRootMount, imageRoot, deploymentId, etcMode, signal } = options;
  const paths = deploymentPaths(physicalRootMount, deploymentId);
  const sharedVar = join(physicalRootMount, physicalRoot.sharedVar);
  await mkdir(join(physicalRootMount, physicalRoot.deployments), { recursive: true, mode: 0o755 });
  await mkdir(sharedVar, { recursive: true, mode: 0o755 });
  await mkdir(paths.directory, { mode: 0o755 });
  await mkdir(paths.etc, { mode: 0o755 });
  replaceSymlink(paths.varLink, deploymentVarLinkTarget, paths.directory);
  await copyDirectory(join(imageRoot, 'etc'), paths.etc, signal);
  // One that an earlier installation left holds data of its users.
  if ((await readdir(sharedVar)).length === 0) await copyDirectory(join(imageRoot, 'var'), sharedVar, signal);
  await removeFile(join(paths.etc, updatedMark));
  if (etcMode === 'overlay') for (const name of Object.values(etcOverlay)) await removeTree(join(paths.etc, name));
  await replaceFile(paths.directory, paths.originName, formatOrigin(options.origin), { mode: 0o644 });
}

// With owners, times, extended attributes, hard links and devices: cp(1) does all of it, in one process.
async function copyDirectory(source: string, target: string, signal: AbortSignal | undefined): Promise<void> {
  const exists = await stat(source).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!exists) return;
  await run(['cp', '-a', '--remove-destination', `${source}/.`, `${target}/.`], {
    step: `copy ${source}`,
    ...(signal === undefined ? {} : { signal }),
  });
}
