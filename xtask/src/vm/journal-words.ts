import { join } from 'node:path';
import { orderingCycle } from './console-patterns.ts';
import { GrowingFile } from './growing-file.ts';

/** The files that bcvk writes the guest's journal to, an object a line; see systemd.journal-fields(7). */
const journalNames = ['journal-initrd.json', 'journal.json'];

/**
 * Reads the journals in a folder as they grow: units that did not start, and an ordering cycle. A journal that is not there, and lines
 * that are cut off, say nothing; this never throws for what a guest wrote.
 */
export class JournalFollower {
  /** The message by which systemd told the first ordering cycle between units. */
  orderingCycle: string | undefined;
  readonly #files: readonly GrowingFile[];
  readonly #lastWords = new Map<string, string>();
  readonly #failed = new Set<string>();

  constructor(folder: string) {
    this.#files = journalNames.map((name) => new GrowingFile(join(folder, name)));
  }

  /** Units whose start failed, and that no later try started, each with the last thing that it said itself, or an empty text. */
  get failedUnits(): Map<string, string> {
    return new Map([...this.#failed].map((unit) => [unit, this.#lastWords.get(unit) ?? '']));
  }

  /** Reads what is new. */
  poll(): void {
    for (const file of this.#files) for (const line of file.readLines() ?? []) this.#take(parseEntry(line) ?? {});
  }

  #take(entry: Record<string, unknown>): void {
    const { MESSAGE: message, _SYSTEMD_UNIT: speaker, UNIT: unit, JOB_RESULT: result } = entry;
    if (typeof message === 'string') {
      if (typeof speaker === 'string') this.#lastWords.set(speaker, message.trim());
      // The field cannot be forged, so a test may print what it likes.
      const isOfManager = entry._PID === '1';
      if (isOfManager && orderingCycle.pattern.test(message)) this.orderingCycle ??= message.trim();
    }
    if (typeof unit !== 'string') return;
    if (result === 'failed') this.#failed.add(unit);
    if (result === 'done') this.#failed.delete(unit);
  }
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
