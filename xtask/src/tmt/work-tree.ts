import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, run } from '@workbench/run';

/** What tmt needs of the repository. It copies all that it is given several times, so it is given no more. */
const parts = ['.fmf', 'plans', 'tests'] as const;

/**
 * Copies plans and tests into a folder, which becomes the fmf root that tmt works in.
 *
 * @throws CodedError PLANS_MISSING when the repository has no fmf tree.
 */
export async function copyPlans(repository: string, folder: string, signal?: AbortSignal): Promise<void> {
  const missing = parts.filter((part) => !existsSync(join(repository, part)));
  if (missing.length > 0) {
    throw new CodedError('PLANS_MISSING', `${repository} has no ${missing.join(', ')}`, {
      hint: 'is this a complete checkout?',
    });
  }
  await run(['rsync', '-a', '--delete', '--force', ...parts.map((part) => join(repository, part)), `${folder}/`], {
    step: 'copy the plans',
    ...(signal === undefined ? {} : { signal }),
  });
}
