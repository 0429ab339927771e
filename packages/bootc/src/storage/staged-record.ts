import { dirname, join } from 'node:path';
import { makeDirectory, removeFile, replaceFile } from '@workbench/composefs';
import { formatStagedDeployment, type StagedDeployment } from '../deployment/staged-deployment.ts';
import { stagedRecord } from '../deployment/state-paths.ts';

/**
 * Records which deployment is staged, in place of what was recorded before. The record is what makes it staged: state, boot
 * files and staged entries must be on disk before. It is gone with the next boot, whatever happens.
 */
export async function writeStagedRecord(root: string, staged: StagedDeployment): Promise<void> {
  const directory = join(root, stagedRecord.directory);
  makeDirectory(dirname(directory), 0o755);
  makeDirectory(directory, 0o755);
  await replaceFile(directory, stagedRecord.name, formatStagedDeployment(staged));
}

/** Removes the record, if there is one: nothing is staged any more, whatever else there is of it. */
export async function removeStagedRecord(root: string): Promise<void> {
  await removeFile(join(root, stagedRecord.directory, stagedRecord.name));
}
