import { readFileSync } from 'node:fs';
import { CodedError } from '@workbench/run';
import { z } from 'zod';
import { hasFailed, type PlanReport } from '../report/plan-report.ts';
import { formatOwner, isAlive, ownerOf, parseOwner } from '../runs/owner.ts';

const resultSchema = z.object({
  cell: z.string(),
  plan: z.string(),
  outcome: z.enum(['passed', 'failed', 'skipped', 'quarantined', 'left out']),
  /** Code of the failure, or why the plan was left out. */
  detail: z.string().optional(),
  phases: z.array(z.object({ name: z.string(), durationMs: z.number() })),
  /** Absolute path of the plan's folder. */
  folder: z.string().optional(),
});

const stateSchema = z.object({
  startedAt: z.string(),
  finishedAt: z.string().optional(),
  /** The process that runs it, or ran it last, as `formatOwner` writes it. */
  owner: z.string().optional(),
  /** What the matrix was begun with; another one begins anew. */
  cells: z.array(z.string()),
  plans: z.array(z.string()),
  results: z.array(resultSchema),
});

/** What came of one plan in one cell. */
export type MatrixResult = z.infer<typeof resultSchema>;

/** A matrix of cells and plans, as far as it was run. It is written after each plan, so that a run can stop at any time. */
export type MatrixState = z.infer<typeof stateSchema>;

/** One plan that is to be run in one cell. */
export interface MatrixPair {
  readonly cell: string;
  readonly plan: string;
}

/** What came of a plan in a cell; undefined when it was not run yet. */
export function resultOf({ results }: MatrixState, cell: string, plan: string): MatrixResult | undefined {
  return results.find((result) => result.cell === cell && result.plan === plan);
}

/** Reads a state; undefined when there is none, or it is none of ours. */
export function readMatrixState(file: string): MatrixState | undefined {
  try {
    return stateSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * The state to go on with: the one that was not finished, as long as it is of the same cells and plans; else a new one. With
 * `lastFailed` the last one, finished or not, without its failures, so that only these are run again.
 */
export function continueMatrix(
  last: MatrixState | undefined,
  wanted: Pick<MatrixState, 'cells' | 'plans'>,
  options: { lastFailed: boolean; fresh: boolean; now: Date },
): MatrixState {
  const fresh: MatrixState = { startedAt: options.now.toISOString(), ...wanted, results: [] };
  if (last === undefined || options.fresh) return fresh;
  if (options.lastFailed) {
    const { finishedAt: _, ...open } = last;
    return { ...open, results: last.results.filter(({ outcome }) => outcome !== 'failed') };
  }
  const isSame = JSON.stringify([last.cells, last.plans]) === JSON.stringify([wanted.cells, wanted.plans]);
  return last.finishedAt === undefined && isSame ? last : fresh;
}

/**
 * Makes this process the one that runs a matrix.
 *
 * @param last the state that was found.
 * @throws CodedError MATRIX_IS_RUN when another process is at it.
 */
export function takeMatrix(state: MatrixState, last: MatrixState | undefined): void {
  const owner = parseOwner(last?.owner ?? '');
  if (owner !== undefined && owner.pid !== process.pid && isAlive(owner)) {
    throw new CodedError('MATRIX_IS_RUN', `process ${owner.pid} runs the matrix of this checkout`, {
      hint: 'wait for it, or stop it with Ctrl-C: the next one goes on where it stopped',
    });
  }
  state.owner = formatOwner(ownerOf());
}

/** The pairs that a state still lacks, cell by cell. */
export function pendingPairs({ cells, plans, results }: MatrixState): MatrixPair[] {
  const done = new Set(results.map(({ cell, plan }) => `${cell} ${plan}`));
  return cells.flatMap((cell) => plans.filter((plan) => !done.has(`${cell} ${plan}`)).map((plan) => ({ cell, plan })));
}

/** Results for the plans of a cell that were not run because of an error: each failed for that. */
export function failedPairs(state: MatrixState, cell: string, error: unknown): MatrixResult[] {
  const detail = error instanceof CodedError ? error.code : 'INTERNAL';
  return pendingPairs(state)
    .filter((pair) => pair.cell === cell)
    .map(({ plan }) => ({ cell, plan, outcome: 'failed', detail, phases: [] }));
}

/** A plan's report as a result of the matrix. */
export function matrixResult(cell: string, report: PlanReport): MatrixResult {
  const { plan, failure, phases, folder, quarantined } = report;
  const outcome = hasFailed(report) ? 'failed' : quarantined !== undefined ? 'quarantined' : report.outcome;
  return {
    cell,
    plan,
    outcome,
    ...(failure === undefined ? {} : { detail: failure.code }),
    phases: phases.map(({ name, durationMs }) => ({ name, durationMs })),
    folder,
  };
}
