import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { hasFailed, type PlanReport, type RunReport } from './plan-report.ts';

/** How a plan came out, in one word. */
export type Outcome = PlanReport['outcome'] | 'quarantined';

/** An earlier run, as far as it is told in a later one's report. */
export interface PastRun {
  readonly id: string;
  readonly cell: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly plans: readonly PastPlan[];
}

/** A plan of an earlier run. */
export interface PastPlan {
  readonly plan: string;
  readonly outcome: Outcome;
  /** How long its tests took; 0 if it did not come to them. */
  readonly testsMs: number;
}

const pastSchema = z.object({
  id: z.string(),
  cell: z.string(),
  startedAt: z.string(),
  durationMs: z.number(),
  plans: z.array(
    z.looseObject({
      plan: z.string(),
      outcome: z.enum(['passed', 'failed', 'skipped']),
      quarantined: z.unknown().optional(),
      phases: z.array(z.looseObject({ name: z.string(), durationMs: z.number() })),
    }),
  ),
});

/** The outcome of a plan in one word. */
export function outcomeWord(plan: PlanReport): Outcome {
  return plan.outcome === 'failed' && !hasFailed(plan) ? 'quarantined' : plan.outcome;
}

/** This run in the form of a past one. */
export function asPastRun(report: RunReport): PastRun {
  const { id, cell, startedAt, durationMs, plans } = report;
  return {
    id,
    cell,
    startedAt,
    durationMs,
    plans: plans.map((plan) => ({ plan: plan.plan, outcome: outcomeWord(plan), testsMs: testsMsOf(plan.phases) })),
  };
}

function testsMsOf(phases: readonly { name: string; durationMs: number }[]): number {
  return phases.find(({ name }) => name === 'tests')?.durationMs ?? 0;
}

/**
 * The last runs beside one, latest first. What is no report, or one of another form, is left out.
 *
 * @param folder of the run; the others are beside it.
 */
export function readHistory(folder: string, count = 15): PastRun[] {
  const root = dirname(folder);
  const names = readdirSync(root)
    .filter((name) => name !== basename(folder) && name !== 'latest')
    .sort()
    .reverse();
  const runs: PastRun[] = [];
  for (const name of names) {
    const run = readPastRun(join(root, name, 'report.json'));
    if (run !== undefined) runs.push(run);
    if (runs.length === count) break;
  }
  return runs;
}

function readPastRun(file: string): PastRun | undefined {
  try {
    const { plans, ...rest } = pastSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    return {
      ...rest,
      plans: plans.map(({ plan, outcome, quarantined, phases }) => ({
        plan,
        outcome: outcome === 'failed' && quarantined !== undefined ? 'quarantined' : outcome,
        testsMs: testsMsOf(phases),
      })),
    };
  } catch {
    return undefined;
  }
}
