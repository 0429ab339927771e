import { formatDuration } from '../steps/plain-renderer.ts';
import {
  listCommits,
  type MatrixResult,
  type MatrixState,
  newestCommit,
  resultOf,
  resultsOfOtherCommits,
} from './matrix-state.ts';

/**
 * A matrix as a table for people: a row a cell, a column a plan, in each field the outcome and the time of the whole plan.
 * Then one line that counts, one where results are of other commits than the newest, and the folder of each failure. Plain
 * text, no newline at the end.
 */
export function matrixTable(state: MatrixState): string {
  const { cells, plans, results } = state;
  const rows = [
    ['cell', ...plans.map((plan) => plan.replace(/^\/plans\//, ''))],
    ...cells.map((cell) => [cell, ...plans.map((plan) => fieldOf(state, resultOf(state, cell, plan)))]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((field, column) => field.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const failed = results.filter(({ outcome }) => outcome === 'failed');
  const mixture = commitMixture(state);
  return [
    ...lines,
    '',
    matrixCounts(state),
    ...(mixture === undefined ? [] : [mixture]),
    ...failed.map(({ cell, plan, detail, folder }) =>
      `FAILED ${cell} ${plan}: ${detail ?? ''}  ${folder ?? ''}`.trimEnd(),
    ),
  ].join('\n');
}

/**
 * What a field of a table says of a result: outcome, what went wrong, and the time of the whole plan, with a `*` where it is of
 * another commit than the newest; `-` for none.
 */
export function fieldOf(state: MatrixState, result: MatrixResult | undefined): string {
  if (result === undefined) return '-';
  const totalMs = result.phases.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const time = result.phases.length === 0 ? '' : ` ${formatDuration(totalMs)}`;
  const detail = result.outcome === 'failed' || result.outcome === 'quarantined' ? ` ${result.detail ?? ''}` : '';
  const mark = resultsOfOtherCommits(state, newestCommit(state)).includes(result) ? ' *' : '';
  return `${result.outcome === 'failed' ? 'FAILED' : result.outcome}${detail}${time}${mark}`;
}

/** One line that says which commits the results marked with `*` are of; undefined where all are of one. */
export function commitMixture(state: MatrixState): string | undefined {
  const newest = newestCommit(state);
  const others = resultsOfOtherCommits(state, newest);
  if (newest === undefined || others.length === 0) return undefined;
  return `* of another commit (${listCommits(others)}) than the newest, ${newest}: --fresh runs all again`;
}

/** One line that counts the outcomes of a matrix, and what is still to be run. */
export function matrixCounts({ cells, plans, results }: MatrixState): string {
  const total = cells.length * plans.length;
  const outcomes = ['passed', 'failed', 'quarantined', 'skipped', 'left out'] as const;
  const counts = outcomes
    .map((outcome) => [outcome, results.filter((result) => result.outcome === outcome).length] as const)
    .filter(([outcome, count]) => count > 0 || outcome === 'passed' || outcome === 'failed');
  const open = total - results.length;
  return [
    ...counts.map(([outcome, count]) => `${count} ${outcome}`),
    ...(open > 0 ? [`${open} not run yet`] : []),
  ].join(', ');
}
