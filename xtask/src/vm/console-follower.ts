import { readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BootPhase,
  bootPhaseOf,
  bootPhases,
  type FatalPattern,
  fatalPatternOf,
  plainConsoleLine,
} from './console-patterns.ts';
import { GrowingFile, olderLogs } from './growing-file.ts';

/** A fatal line and what it means. */
export interface FatalLine {
  readonly line: string;
  readonly pattern: FatalPattern;
}

/** The names of console logs in a plan's folder: that of the operating system, and that of firmware and boot loader. */
export const consoleLogName = 'console.log';
export const firmwareLogName = 'platform-console.log';

const keptLines = 200;
/** Lines after the fatal one that are shown with it. */
const linesAfterFatal = 6;

/** What systemd paints again and again while it waits for a job. */
const waiting = /^\[[ *]{6}\] /;

/** systemd's words for a unit that did not start, in its status lines and in the kernel log. */
const failedUnit = /(?:\[FAILED\]|systemd\[1\]:) Failed to (?:start|mount|activate|listen on) (.+?)(?: - .*|\.)?$/;

interface Log {
  file: GrowingFile;
  /** Whole lines, the last ones. */
  lines: string[];
}

/**
 * Reads the console logs of one VM as they grow. It keeps the last lines, how far the boot came, the units that failed,
 * and the first fatal line.
 */
export class ConsoleFollower {
  /** How far the guest came since it was last (re)started. */
  phase: BootPhase | undefined;
  /** The first fatal line seen. */
  fatal: FatalLine | undefined;
  /** Units that systemd could not start since the guest was last (re)started, as it names them. */
  readonly failedUnits = new Set<string>();
  /** Where the logs are. */
  readonly folder: string;
  readonly #logs = new Map<string, Log>();
  #fatalLog: string | undefined;

  /** @param folder where the logs appear: see `consoleLogs`. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** Reads what is new. That is little each time, so it is read at once: no line is seen later than the next look. */
  poll(): void {
    for (const name of consoleLogs(this.folder)) {
      const log = this.#logs.get(name) ?? { file: new GrowingFile(join(this.folder, name)), lines: [] };
      this.#logs.set(name, log);
      const lines = log.file.readLines();
      if (lines === undefined) continue;
      for (const raw of lines) {
        const line = plainConsoleLine(raw);
        if (line.trim() !== '') {
          if (waiting.test(line) && waiting.test(log.lines.at(-1) ?? '')) log.lines.pop();
          log.lines.push(line);
        }
        this.#take(line, name);
      }
      log.lines.splice(0, log.lines.length - keptLines);
      // A prompt has no newline, and a guest that died may not have written its last one: the rest is looked at too.
      this.#take(plainConsoleLine(log.file.rest), name);
    }
  }

  /**
   * The last lines up to the fatal line and a few behind it, of the console that printed it; else the last lines of the
   * console that has said most: the kernel command line decides which one that is.
   */
  lastLines(count: number): string[] {
    const texts = [...this.#logs].map(([name, { lines, file }]) => ({
      name,
      lines: [...lines, plainConsoleLine(file.rest)],
    }));
    const chosen =
      texts.find(({ name }) => name === this.#fatalLog) ?? texts.sort((a, b) => b.lines.length - a.lines.length)[0];
    const lines = (chosen?.lines ?? []).filter((line) => line.trim() !== '');
    const fatalAt = this.fatal === undefined ? -1 : lines.lastIndexOf(this.fatal.line);
    const end = fatalAt < 0 ? lines.length : Math.min(lines.length, fatalAt + 1 + linesAfterFatal);
    return lines.slice(Math.max(0, end - count), end);
  }

  #take(line: string, logName: string): void {
    this.#notePhase(line);
    const [, unit] = failedUnit.exec(line) ?? [];
    if (unit !== undefined) this.failedUnits.add(unit);
    if (this.fatal !== undefined) return;
    const pattern = fatalPatternOf(line);
    if (pattern === undefined) return;
    this.fatal = { line, pattern };
    this.#fatalLog = logName;
  }

  #notePhase(line: string): void {
    const phase = bootPhaseOf(line);
    if (phase === undefined) return;
    const isRestart = (phase === 'firmware' || phase === 'kernel') && this.phase !== 'boot loader';
    const isFurther = this.phase === undefined || bootPhases.indexOf(phase) > bootPhases.indexOf(this.phase);
    if (isRestart && !isFurther) this.failedUnits.clear();
    if (isFurther || isRestart) this.phase = phase;
  }
}

/**
 * The console logs in a folder, by name: ours, and those that `--log-dir` makes (console.txt, platform-console.txt). None
 * when there is no such folder.
 */
export function consoleLogs(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /console.*\.(?:log|txt)$/.test(name))
      .sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** Whether any console log of the folder holds this text as a whole line. */
export async function consoleHasLine(folder: string, wanted: string): Promise<boolean> {
  const logs = consoleLogs(folder).map((name) => join(folder, name));
  for (const path of logs.flatMap((log) => [log, ...olderLogs(log)])) {
    await using file = await open(path, 'r');
    for await (const line of file.readLines()) {
      if (plainConsoleLine(line).trim() === wanted) return true;
    }
  }
  return false;
}
