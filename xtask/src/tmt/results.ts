import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { TestReport } from '../report/plan-report.ts';

/** One entry of the results.yaml of tmt 1.78; the rest of it is not used. */
const resultSchema = z.looseObject({
  name: z.string(),
  result: z.enum(['pass', 'fail', 'info', 'warn', 'error', 'skip', 'pending']),
  duration: z.string().nullish(),
  'start-time': z.string().nullish(),
  'end-time': z.string().nullish(),
  note: z
    .union([z.array(z.string()), z.string()])
    .nullish()
    .transform((note) => (Array.isArray(note) ? note.join(', ') : (note ?? ''))),
  log: z.array(z.string()).default([]),
});

/** The folder of a plan's step `execute` in a run folder of tmt. */
export function executeFolder(tmtFolder: string, plan: string): string {
  return join(tmtFolder, plan, 'execute');
}

/**
 * Reads what tmt recorded of the tests of a plan; an empty list when it recorded nothing, which it does only when it is
 * done with all of them.
 *
 * @param planFolder files are named relative to it.
 * @throws ZodError or YAMLParseError when it is not what tmt writes.
 */
export function readResults(tmtFolder: string, plan: string, planFolder: string): TestReport[] {
  const folder = executeFolder(tmtFolder, plan);
  let text: string;
  try {
    text = readFileSync(join(folder, 'results.yaml'), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  return z
    .array(resultSchema)
    .parse(parse(text) ?? [])
    .map((result) => ({
      name: result.name,
      result: result.result,
      durationMs: durationOf(result),
      note: result.note,
      outputFile: result.log[0] === undefined ? undefined : relative(planFolder, join(folder, result.log[0])),
    }));
}

/** Milliseconds between the two times; where tmt has none, of `duration`, which counts whole seconds. */
function durationOf(result: z.infer<typeof resultSchema>): number {
  const between = Date.parse(result['end-time'] ?? '') - Date.parse(result['start-time'] ?? '');
  return Number.isNaN(between) ? parseDuration(result.duration ?? '') : between;
}

/** Milliseconds of `HH:MM:SS`; 0 for anything else. */
export function parseDuration(text: string): number {
  const [, hours, minutes, seconds] = /^(\d+):(\d\d):(\d\d)$/.exec(text) ?? [];
  return hours === undefined ? 0 : ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}
