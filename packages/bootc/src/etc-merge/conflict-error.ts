import { textOf } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import type { MergeConflict } from './plan-merge.ts';

/** One line for each conflict, for a person. */
export function describeConflicts(conflicts: readonly MergeConflict[]): string[] {
  return conflicts.map(({ path, directoryIn }) => {
    const here =
      directoryIn === 'current' ? 'a directory here, but not in the new image' : 'a directory in the new image';
    return `/etc/${textOf(path)} is ${here}${directoryIn === 'current' ? '' : ', but not here'}`;
  });
}

/** The error for local changes of `/etc` that do not fit to a new image. */
export function mergeConflictError(conflicts: readonly MergeConflict[]): CodedError {
  return new CodedError(
    'ETC_MERGE_CONFLICT',
    `Merge conflicts found in etc: ${describeConflicts(conflicts).join('; ')}`,
    { hint: 'rename or remove what was made locally, or build the image without it' },
  );
}
