import { dirname, join, relative } from 'node:path';
import { escapeHtml } from '../report/escape-html.ts';
import { pageEnd, pageHead } from '../report/page-frame.ts';
import { formatDuration } from '../steps/plain-renderer.ts';
import { hasPassed, type MatrixState, newestCommit, resultOf } from './matrix-state.ts';
import { commitMixture, fieldOf, matrixCounts } from './matrix-table.ts';

/**
 * A matrix as one page that needs no other file: a row a cell, a column a plan; each field leads to the page of the run that it
 * is from.
 *
 * @param folder where the page will be; links are relative to it.
 */
export function matrixPage(state: MatrixState, folder: string): string {
  const { cells, plans, startedAt, finishedAt } = state;
  const field = (cell: string, plan: string): string => {
    const result = resultOf(state, cell, plan);
    const text = escapeHtml(fieldOf(state, result));
    if (result?.folder === undefined) return `<td class="skipped">${text}</td>`;
    const of = [result.commit, result.imageDigest].filter((part) => part !== undefined).join(' ');
    const title = of === '' ? '' : ` title="${escapeHtml(of)}"`;
    // A run's folder holds a folder for the cell, and that one for each plan.
    const page = join(dirname(dirname(result.folder)), 'report.html');
    return `<td class="${result.outcome}"${title}><a href="${encodeURI(relative(folder, page))}">${text}</a></td>`;
  };
  const head = plans.map((plan) => `<th scope="col">${escapeHtml(plan.replace(/^\/plans\//, ''))}</th>`).join('');
  const rows = cells.map(
    (cell) => `<tr><th scope="row">${escapeHtml(cell)}</th>${plans.map((plan) => field(cell, plan)).join('')}</tr>`,
  );
  const time =
    finishedAt === undefined
      ? `begun ${startedAt}, not finished`
      : `begun ${startedAt}, finished after ${formatDuration(Date.parse(finishedAt) - Date.parse(startedAt))}`;
  const commit = newestCommit(state);
  const mixture = commitMixture(state);
  return [
    pageHead({ title: `${outcomeOf(state)}: test matrix`, heading: matrixCounts(state), isGood: hasPassed(state) }),
    `<p>${escapeHtml(commit === undefined ? time : `${time}, commit ${commit}`)}</p>`,
    ...(mixture === undefined ? [] : [`<p class="failed">${escapeHtml(mixture)}</p>`]),
    `<div class="wide"><table class="cells"><tr><th scope="col">cell</th>${head}</tr>${rows.join('\n')}</table></div>`,
    pageEnd,
  ].join('\n');
}

function outcomeOf(state: MatrixState): string {
  if (hasPassed(state)) return 'passed';
  return state.results.some(({ outcome }) => outcome === 'failed') ? 'FAILED' : 'not finished';
}
