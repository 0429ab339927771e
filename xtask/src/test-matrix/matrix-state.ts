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
  /** The code that was tested, as `describeCheckout` names it. */
  commit: z.string().optional(),
  /** Digest of the manifest of the image under test, with `sha256:`; absent where none was built. */
  imageDigest: z.string().optional(),
});

const stateSchema = z.object({
  startedAt: z.string(),
  finishedAt: z.string().optional(),
  /** The process that runs it, or ran it last, as `formatOwner` writes it. */
  owner: z.string().optional(),
  /** What the matrix was begun with; another one begins anew. */
  cells: z.array(z.string()),
  plans: z.array(z.string()),
  /** In the order in which they came. */
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

/** The state to go on with: the one that was not finished, as long as it is of the same cells and plans; else a new one. */
export function continueMatrix(
  last: MatrixState | undefined,
  wanted: Pick<MatrixState, 'cells' | 'plans'>,
  options: { fresh: boolean; now: Date },
): MatrixState {
  const fresh: MatrixState = { startedAt: options.now.toISOString(), ...wanted, results: [] };
  if (last === undefined || options.fresh) return fresh;
  const isSame = JSON.stringify([last.cells, last.plans]) === JSON.stringify([wanted.cells, wanted.plans]);
  return last.finishedAt === undefined && isSame ? last : fresh;
}

/**
 * What failed in the last matrix, finished or not, in some cells and plans. A failure stays in the state until the result of
 * another run replaces it.
 *
 * @param wanted undefined: all.
 * @throws CodedError NO_MATRIX (exit code 2) when there is none.
 */
export function repeatFailures(
  last: MatrixState | undefined,
  wanted: Partial<Pick<MatrixState, 'cells' | 'plans'>>,
): { state: MatrixState; pending: MatrixPair[] } {
  if (last === undefined) {
    throw new CodedError('NO_MATRIX', 'no matrix was run in this checkout, so nothing failed in it', {
      exitCode: 2,
      hint: 'just test-matrix runs one',
    });
  }
  const again = last.results.filter(
    ({ cell, plan, outcome }) =>
      outcome === 'failed' && (wanted.cells?.includes(cell) ?? true) && (wanted.plans?.includes(plan) ?? true),
  );
  const { finishedAt: _, ...state } = last;
  return { state, pending: again.map(({ cell, plan }) => ({ cell, plan })) };
}

/** Puts the result of a pair into a state as its newest; the one that is there goes. */
export function putResult(state: MatrixState, result: MatrixResult): void {
  const others = state.results.filter(({ cell, plan }) => cell !== result.cell || plan !== result.plan);
  state.results = [...others, result];
}

/** The commit that the newest result of a matrix is of; undefined where that is not known. */
export function newestCommit({ results }: MatrixState): string | undefined {
  return results.at(-1)?.commit;
}

/** The results that are not of `commit`, or do not say what they are of. Without a commit to compare with: none. */
export function resultsOfOtherCommits({ results }: MatrixState, commit: string | undefined): MatrixResult[] {
  return commit === undefined ? [] : results.filter((result) => result.commit !== commit);
}

/** The commits of results, each once, `unknown` among them where one does not say; for people. */
export function listCommits(results: readonly MatrixResult[]): string {
  return [...new Set(results.map(({ commit }) => commit ?? 'unknown'))].join(', ');
}

/** Whether a matrix is through and nothing failed in it. */
export function hasPassed(state: MatrixState): boolean {
  return pendingPairs(state).length === 0 && !state.results.some(({ outcome }) => outcome === 'failed');
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

/** Results for pairs that were to be run, and were not because of an error: each failed for that. */
export function failedPairs(pairs: readonly MatrixPair[], error: unknown): MatrixResult[] {
  const detail = error instanceof CodedError ? error.code : 'INTERNAL';
  return pairs.map(({ cell, plan }) => ({ cell, plan, outcome: 'failed', detail, phases: [] }));
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
