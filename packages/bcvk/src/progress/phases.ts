import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** One step of a command, as the timings file has it. */
export interface PhaseTiming {
  name: string;
  /** Milliseconds since the command began. */
  startMs: number;
  durationMs: number;
  outcome: 'done' | 'failed';
  /** Open facts of the step: `{ accel: 'tcg' }`, `{ cached: true }`. */
  facts: Record<string, string | number | boolean>;
}

/** What a step may do while it runs. */
export interface Phase {
  /** Shows where the step is: replaces the line on a terminal; elsewhere a new line, at most one in some seconds. */
  update(detail: string): void;
  /** A line that stays. */
  note(line: string): void;
  /** Adds a fact to the timings. */
  fact(name: string, value: string | number | boolean): void;
}

/** Where the steps of a command are shown, and what they took. */
export interface Phases {
  /** Runs one step: shows its label, and at its end the seconds it took. Steps may nest; an error passes through. */
  run<T>(name: string, label: string, work: (phase: Phase) => Promise<T>): Promise<T>;
  note(line: string): void;
  readonly timings: readonly PhaseTiming[];
}

interface Output {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

const plainUpdateEveryMs = 10_000;

/** Steps shown on `output`: one live line on a terminal, plain lines elsewhere. The clock counts milliseconds. */
export function createPhases(output: Output, now: () => number = () => performance.now()): Phases {
  const begun = now();
  const timings: PhaseTiming[] = [];
  const live = output.isTTY === true;
  const clear = () => (live ? output.write('\r\u001b[K') : undefined);
  const note = (line: string) => {
    clear();
    output.write(`${line}\n`);
  };
  const showLive = (text: string) => {
    clear();
    output.write(text.slice(0, (output.columns ?? 80) - 1));
  };

  return {
    timings,
    note,
    async run(name, label, work) {
      const startedAt = now();
      const facts: PhaseTiming['facts'] = {};
      let updatedAt = startedAt;
      if (live) showLive(`${label} …`);
      const phase: Phase = {
        note,
        fact: (key, value) => {
          facts[key] = value;
        },
        update(detail) {
          if (live) showLive(`${label}: ${detail}`);
          else if (now() - updatedAt >= plainUpdateEveryMs) {
            updatedAt = now();
            output.write(`${label}: ${detail} (${seconds(now() - startedAt)})\n`);
          }
        },
      };
      const end = (outcome: PhaseTiming['outcome']) => {
        const durationMs = Math.round(now() - startedAt);
        timings.push({ name, startMs: Math.round(startedAt - begun), durationMs, outcome, facts });
        note(`${label}: ${outcome} in ${seconds(durationMs)}`);
      };
      try {
        const result = await work(phase);
        end('done');
        return result;
      } catch (error) {
        end('failed');
        throw error;
      }
    },
  };
}

/** Writes what the steps took as JSON: `{ schema, command, totalMs, phases }`. */
export function writeTimings(path: string, command: string, phases: Phases): void {
  mkdirSync(dirname(path), { recursive: true });
  const totalMs = Math.max(0, ...phases.timings.map((timing) => timing.startMs + timing.durationMs));
  writeFileSync(path, `${JSON.stringify({ schema: 1, command, totalMs, phases: phases.timings }, undefined, 2)}\n`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
