import { join } from 'node:path';
import { type FinalizeRecord, finalizeRecordPath, parseFinalizeRecord } from '../deployment/finalize-record.ts';
import { readBootId } from './boot-id.ts';
import { readOptionalText } from './optional-file.ts';

/**
 * What there is to tell of the last attempt to finalize a deployment: undefined when it is still to come, when it succeeded, or when there
 * was none.
 *
 * @param isInPlace whether a deployment is booted, or an active boot entry boots it: then it was finalized, whatever the record says.
 */
export async function readLastFinalize(
  place: { root: string; physicalRoot: string },
  isInPlace: (deploymentId: string) => boolean,
): Promise<FinalizeRecord | undefined> {
  const path = join(place.physicalRoot, finalizeRecordPath.directory, finalizeRecordPath.name);
  const text = await readOptionalText(path).catch(() => undefined);
  const record = text === undefined ? undefined : parseFinalizeRecord(text);
  if (record === undefined || isInPlace(record.deploymentId)) return undefined;
  const isOfThisBoot = record.bootId === (await readBootId(place.root).catch(() => ''));
  return isOfThisBoot && record.state !== 'failed' ? undefined : record;
}
