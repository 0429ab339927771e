import { dirname, join, relative } from 'node:path';
import { escapeHtml } from '../report/escape-html.ts';
import { pageEnd, pageHead } from '../report/page-frame.ts';
import { formatDuration } from '../steps/plain-renderer.ts';
import { type MatrixState, resultOf } from './matrix-state.ts';
import { fieldOf, matrixCounts } from './matrix-table.ts';

/**
 * A matrix as one page that needs no other file: a row a cell, a column a plan; each field leads to the page of the run that it
 * is from.
 *
 * @param folder where the page will be; links are relative to it.
 */
export function matrixPage(state: MatrixState, folder: string): string {
  const { cells, plans, results, startedAt, finishedAt } = state;
  const isGood = !results.some(({ outcome }) => outcome === 'failed');
  const field = (cell: string, plan: string): string => {
    const result = resultOf(state, cell, plan);
    const text = escapeHtml(fieldOf(result));
    if (result?.folder === undefined) return `<td class="skipped">${text}</td>`;
    // A run's folder holds a folder for the cell, and that one for each plan.
    const page = join(dirname(dirname(result.folder)), 'report.html');
    return `<td class="${result.outcome}"><a href="${encodeURI(relative(folder, page))}">${text}</a></td>`;
  };
  const head = plans.map((plan) => `<th scope="col">${escapeHtml(plan.replace(/^\/plans\//, ''))}</th>`).join('');
  const rows = cells.map(
    (cell) => `<tr><th scope="row">${escapeHtml(cell)}</th>${plans.map((plan) => field(cell, plan)).join('')}</tr>`,
  );
  const time =
    finishedAt === undefined
      ? `begun ${startedAt}, not finished`
      : `begun ${startedAt}, finished after ${formatDuration(Date.parse(finishedAt) - Date.parse(startedAt))}`;
  return [
    pageHead({ title: `${isGood ? 'passed' : 'FAILED'}: test matrix`, heading: matrixCounts(state), isGood }),
    `<p>${escapeHtml(time)}</p>`,
    `<div class="wide"><table class="cells"><tr><th scope="col">cell</th>${head}</tr>${rows.join('\n')}</table></div>`,
    pageEnd,
  ].join('\n');
}
