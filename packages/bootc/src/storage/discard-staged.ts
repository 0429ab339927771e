import { removeFinalizeRecord } from './finalize-record.ts';
import { discardStagedEntries } from './publish-entries.ts';
import type { RootModelSource } from './root-model.ts';
import { removeStagedRecord } from './staged-record.ts';

/**
 * Gives up what is staged, if anything is: first the record that makes it staged, without which the rest is nothing, then the staged
 * boot entries. If it throws or power is lost, it is staged, or what is left of it is garbage.
 */
export async function discardStaged(place: Pick<RootModelSource, 'root' | 'physicalRoot' | 'boot'>): Promise<void> {
  await removeStagedRecord(place.root);
  await discardStagedEntries(place.boot.bootDirectory);
  await removeFinalizeRecord(place);
}
