import { openBootedStorage } from '../storage/booted-storage.ts';
import { lockOperations } from '../storage/operation-lock.ts';
import { tellWaiting } from '../storage/tell-waiting.ts';
import { assertNoOp, collectSystemGarbage } from './collect.ts';
import { formatGcResult } from './report.ts';

/** What `bootc internals composefs-gc` is told. */
export interface RunGcOptions {
  isDryRun: boolean;
  /** Implies a dry run, which fails when there is something to remove. */
  mustBeNoOp: boolean;
  withRepository: boolean;
}

/**
 * Collects garbage on the booted system and prints what was removed, or would be. A dry run always looks at everything.
 *
 * It waits for other verbs that change the system, which may be in the middle of what would look like garbage.
 *
 * @throws CodedError `GC_NOT_NO_OP` with `mustBeNoOp` when there is something to remove; `GC_REFUSED`.
 */
export async function runGarbageCollection(options: RunGcOptions): Promise<void> {
  const isDryRun = options.isDryRun || options.mustBeNoOp;
  using _lock = await lockOperations('/');
  await using storage = await openBootedStorage(isDryRun ? 'read' : 'write');
  const onlyBootFiles = !isDryRun && !options.withRepository;
  const result = await collectSystemGarbage(storage, { isDryRun, onlyBootFiles, onWait: tellWaiting });
  process.stdout.write(`${formatGcResult(result).join('\n')}\n`);
  if (options.mustBeNoOp) assertNoOp(result);
}
