import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { physicalRoot } from '../deployment/state-paths.ts';
import { settleFilesystem } from './mounts.ts';
import { inspectTargetRoot } from './target-root.ts';

/**
 * `bootc install finalize`: the last step for whoever changed an installed root after the installation. Unused blocks are
 * given back, and the root is made read-only, with all of it on disk.
 *
 * @throws CodedError `NOT_INSTALLED` for a root without an installation; as `inspectTargetRoot`.
 */
export async function finalizeInstallation(path: string, warn: (line: string) => void): Promise<void> {
  const root = await inspectTargetRoot(path);
  for (const needed of [physicalRoot.repository, physicalRoot.deployments]) {
    const found = await stat(join(root.physicalRoot, needed)).catch(() => undefined);
    if (found?.isDirectory() === true) continue;
    throw new CodedError('NOT_INSTALLED', `no bootc system is installed at ${path}: it has no ${needed}`, {
      hint: 'bootc install to-filesystem installs one',
    });
  }
  await settleFilesystem(root.physicalRoot, warn);
}
