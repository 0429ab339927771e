import { run } from '@workbench/run';
import { pathExists } from './optional-file.ts';

/** Ids of what this program tells the journal; `journalctl F_MESSAGE_ID=…` finds them. Other programs know them. */
export const journalMessages = {
  originMissing: 'd264f924dadb4c31bff0412107d391fb',
  migrated: '52a824853eaf46b485857572aece8711',
  deleted: '2a1f0e9d8c7b6a5f4e3d2c1b0a9f8e7d6',
  garbageCollected: '3b2a1f0e9d8c7b6a5f4e3d2c1b0a9f8e7',
  upgraded: '9c8d7f6e5a4b3c2d1e0f9a8b7c6d5e4f3',
  switched: '7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1',
  finalized: '0e9d8c7b6a5f4e3d2c1b0a9f8e7d6c5b4',
  setUnified: '2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e',
  rolledBack: '6f5e4d3c2b1a0f9e8d7c6b5a4e3d2c1b0',
  /** The one that the documentation of bootc names. */
  rollbackDocumented: '26f3b1eb24464d12aa5e7b544a6b5468',
} as const;

/** One record for the journal. */
export interface JournalRecord {
  messageId: string;
  message: string;
  /** syslog(3): 4 is a warning, 6 is information. */
  priority: 4 | 6;
  /** More fields, upper-case names. */
  fields?: Readonly<Record<string, string>>;
}

/** Tells the journal, where there is one and this is root. A journal that does not listen is no reason to fail. */
export async function writeJournal(record: JournalRecord): Promise<void> {
  if (process.getuid?.() !== 0 || !(await pathExists('/run/systemd/journal/socket'))) return;
  const fields = {
    MESSAGE: record.message,
    PRIORITY: String(record.priority),
    SYSLOG_IDENTIFIER: 'bootc',
    F_MESSAGE_ID: record.messageId,
    ...record.fields,
  };
  const input = Object.entries(fields)
    .map(([name, value]) => `${name}=${value.replaceAll('\n', ' ')}\n`)
    .join('');
  await run(['logger', '--journald'], { step: 'write to the journal', input, timeoutMs: 10_000 }).catch(
    () => undefined,
  );
}
