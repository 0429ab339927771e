import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The files that bcvk writes the guest's journal to, an object a line; see systemd.journal-fields(7). */
const journalNames = ['journal-initrd.json', 'journal.json'];

/** Units that failed, each with the last thing that it said itself, or an empty text. */
export type FailedUnits = Map<string, string>;

/**
 * Reads the journal in a folder for units whose start failed. A journal that is not there, and lines that are cut off, say
 * nothing; this never throws for what a guest wrote.
 */
export function failedUnitsIn(folder: string): FailedUnits {
  return failedUnitsOf(journalNames.flatMap((name) => readLines(join(folder, name))));
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

/** The same for the lines of a journal. */
export function failedUnitsOf(lines: readonly string[]): FailedUnits {
  const lastWords = new Map<string, string>();
  const failed = new Set<string>();
  for (const line of lines) {
    const entry = parseEntry(line);
    if (entry === undefined) continue;
    const { MESSAGE: message, _SYSTEMD_UNIT: speaker, UNIT: unit, JOB_RESULT: result } = entry;
    if (typeof speaker === 'string' && typeof message === 'string') lastWords.set(speaker, message.trim());
    if (typeof unit !== 'string') continue;
    if (result === 'failed') failed.add(unit);
    if (result === 'done') failed.delete(unit);
  }
  return new Map([...failed].map((unit) => [unit, lastWords.get(unit) ?? '']));
}

/** A journal, an object a line, as `journalctl` shows one: who said what. Lines that are cut off are left out. */
export function journalText(lines: string): string {
  return lines
    .split('\n')
    .flatMap((line) => {
      const { MESSAGE: message, SYSLOG_IDENTIFIER: identifier, _SYSTEMD_UNIT: unit } = parseEntry(line) ?? {};
      const speaker = typeof identifier === 'string' ? identifier : unit;
      return typeof message === 'string'
        ? [`${typeof speaker === 'string' ? speaker : '?'}: ${message.trimEnd()}`]
        : [];
    })
    .join('\n');
}

function parseEntry(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
