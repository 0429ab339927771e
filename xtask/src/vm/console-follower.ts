import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
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

/** A fatal line and what it means. */
export interface FatalLine {
  readonly line: string;
  readonly pattern: FatalPattern;
}

/** The names of console logs in a plan's folder: that of the operating system, and that of firmware and boot loader. */
export const consoleLogName = 'console.log';
export const firmwareLogName = 'platform-console.log';

const keptLines = 200;

/**
 * Reads the console logs of one VM as they grow. It keeps the last lines, how far the boot came, and the first fatal
 * line. A log that is not there yet, or was cut off and began anew, is no error.
 */
export class ConsoleFollower {
  /** How far the guest came since it was last (re)started. */
  phase: BootPhase | undefined;
  /** The first fatal line seen. */
  fatal: FatalLine | undefined;
  readonly #folder: string;
  readonly #offsets = new Map<string, number>();
  readonly #rests = new Map<string, string>();
  readonly #lines: string[] = [];

  /** @param folder where the logs appear: see `consoleLogs`. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads what is new. That is little each time, so it is read at once: no line is seen later than the next look. */
  poll(): void {
    for (const name of consoleLogs(this.#folder)) {
      const text = this.#readNew(name);
      if (text === '') continue;
      const lines = ((this.#rests.get(name) ?? '') + text).split('\n');
      // A prompt has no newline, and a guest that died may not have written its last one: the rest is looked at too.
      const rest = lines.pop() ?? '';
      this.#rests.set(name, rest);
      for (const line of lines) this.#take(plainConsoleLine(line), true);
      this.#take(plainConsoleLine(rest), false);
    }
  }

  /** The last lines of all console logs, in the order in which they were read; blank ones are left out. */
  lastLines(count: number): string[] {
    const rests = [...this.#rests.values()].map(plainConsoleLine);
    return [...this.#lines, ...rests].filter((line) => line.trim() !== '').slice(-count);
  }

  #take(line: string, isWhole: boolean): void {
    if (isWhole) {
      this.#lines.push(line);
      if (this.#lines.length > keptLines) this.#lines.shift();
    }
    this.#notePhase(line);
    if (this.fatal !== undefined) return;
    const pattern = fatalPatternOf(line);
    if (pattern !== undefined) this.fatal = { line, pattern };
  }

  #notePhase(line: string): void {
    const phase = bootPhaseOf(line);
    if (phase === undefined) return;
    const isRestart = phase === 'firmware' || phase === 'kernel';
    const isFurther = this.phase === undefined || bootPhases.indexOf(phase) > bootPhases.indexOf(this.phase);
    if (isFurther || (isRestart && this.phase !== 'boot loader')) this.phase = phase;
  }

  #readNew(name: string): string {
    const file = openSync(join(this.#folder, name), 'r');
    try {
      const { size } = fstatSync(file);
      const seen = this.#offsets.get(name) ?? 0;
      const from = size < seen ? 0 : seen;
      const buffer = Buffer.alloc(size - from);
      const length = size === from ? 0 : readSync(file, buffer, 0, buffer.length, from);
      this.#offsets.set(name, from + length);
      // latin1 keeps every byte apart: a character cut in two by the end of a read cannot spoil what follows.
      return buffer.toString('latin1', 0, length);
    } finally {
      closeSync(file);
    }
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
  for (const name of consoleLogs(folder)) {
    await using file = await open(join(folder, name), 'r');
    for await (const line of file.readLines({ encoding: 'latin1' })) {
      if (plainConsoleLine(line).trim() === wanted) return true;
    }
  }
  return false;
}
