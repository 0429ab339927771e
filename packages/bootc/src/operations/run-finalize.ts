import { join } from 'node:path';
import { stagedRecord } from '../deployment/state-paths.ts';
import { openBootedStorage } from '../storage/booted-storage.ts';
import { journalMessages, writeJournal } from '../storage/journal.ts';
import { lockOperations } from '../storage/operation-lock.ts';
import { pathExists } from '../storage/optional-file.ts';
import { finalizeStaged } from './finalize.ts';

/**
 * `bootc composefs-finalize-staged`: finalizes the staged deployment of the booted system, if there is one, and prints what it did. It
 * is run while the system goes down.
 *
 * @throws what finalizeStaged throws.
 */
export async function runFinalizeStaged(): Promise<void> {
  if (!(await pathExists(join('/', stagedRecord.directory, stagedRecord.name)))) {
    process.stdout.write('No staged deployment\n');
    return;
  }
  using _lock = await lockOperations('/');
  await using storage = await openBootedStorage('write');
  const outcome = await finalizeStaged(storage);
  if (outcome.kind === 'nothing-staged') process.stdout.write('No staged deployment\n');
  if (outcome.kind === 'locked')
    process.stdout.write('The staged deployment was only downloaded; it is not finalized\n');
  if (outcome.kind !== 'finalized') return;
  for (const problem of outcome.problems) process.stderr.write(`warning: ${problem}\n`);
  process.stdout.write(`Finalized deployment ${outcome.deploymentId}\n`);
  await writeJournal({
    messageId: journalMessages.finalized,
    message: `Next boot: deployment ${outcome.deploymentId}`,
    priority: 6,
    fields: { BOOTC_DEPLOYMENT: outcome.deploymentId },
  });
}
