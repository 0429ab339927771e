import { join } from 'node:path';
import { isSystemError, makeDirectory, removeFile, replaceFile } from '@workbench/composefs';
import { type FinalizeRecord, finalizeRecordPath, formatFinalizeRecord } from '../deployment/finalize-record.ts';
import { readBootId } from './boot-id.ts';

/** The parts of a storage that hold the record. */
interface RecordPlace {
  root: string;
  physicalRoot: string;
}

/**
 * Writes down how far finalizing came. After it resolves, it is on disk, unless there is no room: then it is as it was, since what it
 * tells of matters more. If it throws or power is lost, it is as it was, or so.
 */
export async function writeFinalizeRecord(
  place: RecordPlace,
  record: Omit<FinalizeRecord, 'bootId' | 'time'>,
): Promise<void> {
  const directory = join(place.physicalRoot, finalizeRecordPath.directory);
  const whole = { ...record, bootId: await readBootId(place.root), time: new Date().toISOString() };
  try {
    makeDirectory(directory, 0o755);
    await replaceFile(directory, finalizeRecordPath.name, formatFinalizeRecord(whole));
  } catch (error) {
    if (!isSystemError(error, 'ENOSPC', 'EDQUOT')) throw error;
  }
}

/** Removes the record, if there is one: there is nothing to tell. */
export async function removeFinalizeRecord(place: Pick<RecordPlace, 'physicalRoot'>): Promise<void> {
  await removeFile(join(place.physicalRoot, finalizeRecordPath.directory, finalizeRecordPath.name));
}
