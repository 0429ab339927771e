import { formatDuration } from '../steps/plain-renderer.ts';
import { escapeHtml } from './escape-html.ts';
import type { RunReport } from './plan-report.ts';
import { asPastRun, type Outcome, type PastRun } from './run-history.ts';

const signs: Readonly<Record<Outcome, string>> = { passed: '✓', failed: '✗', skipped: '–', quarantined: '!' };

/**
 * Two tables: the cells and plans of this run and the last ones, each with its latest outcome and a link to it; and the last
 * runs themselves. Empty when there was no other run.
 */
export function historySection(report: RunReport, history: readonly PastRun[]): string {
  if (history.length === 0) return '';
  const runs = [asPastRun(report), ...history];
  const href = (run: PastRun): string => (run.id === report.id ? '#top' : `../${encodeURI(run.id)}/report.html`);
  return `<h2 id="history">Cells and plans</h2>${cellTable(runs, href)}<h2>The last runs</h2>${runTable(runs, href)}`;
}

function cellTable(runs: readonly PastRun[], href: (run: PastRun) => string): string {
  const plans = [...new Set(runs.flatMap((run) => run.plans.map(({ plan }) => plan)))].sort();
  const cells = [...new Set(runs.map(({ cell }) => cell))].sort();
  const field = (cell: string, plan: string): string => {
    // The latest comes first.
    const run = runs.find((each) => each.cell === cell && each.plans.some((done) => done.plan === plan));
    const outcome = run?.plans.find((done) => done.plan === plan)?.outcome;
    if (run === undefined || outcome === undefined) return '<td class="skipped">not run</td>';
    return `<td class="${outcome}"><a href="${href(run)}">${signs[outcome]} ${outcome}</a></td>`;
  };
  const head = plans.map((plan) => `<th scope="col">${escapeHtml(plan.replace(/^\/plans\//, ''))}</th>`).join('');
  const rows = cells.map(
    (cell) => `<tr><th scope="row">${escapeHtml(cell)}</th>${plans.map((plan) => field(cell, plan)).join('')}</tr>`,
  );
  return `<div class="wide"><table class="cells"><tr><th scope="col">cell</th>${head}</tr>${rows.join('\n')}</table></div>`;
}

function runTable(runs: readonly PastRun[], href: (run: PastRun) => string): string {
  const rows = runs.map((run) => {
    const marks = run.plans.map(
      ({ plan, outcome }) =>
        `<span class="${outcome}" title="${escapeHtml(`${plan}: ${outcome}`)}">${signs[outcome]}</span>`,
    );
    const when = escapeHtml(run.startedAt.slice(0, 16).replace('T', ' '));
    return `<tr><td><a href="${href(run)}">${when}</a></td><td>${escapeHtml(run.cell)}</td><td>${marks.join(' ')}</td><td>${formatDuration(run.durationMs)}</td></tr>`;
  });
  return `<div class="wide"><table class="runs">${rows.join('\n')}</table></div>`;
}
