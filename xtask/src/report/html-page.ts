import { relative } from 'node:path';
import { formatDuration } from '../steps/plain-renderer.ts';
import { escapeHtml } from './escape-html.ts';
import { historySection } from './history-section.ts';
import { pageEnd, pageHead } from './page-frame.ts';
import { type PhaseTime, type PlanReport, type RunReport, runPassed, type TestReport } from './plan-report.ts';
import { outcomeWord, type PastRun } from './run-history.ts';
import { countLine } from './summary-table.ts';

/** The last lines of a log, to be read on the page itself. */
export interface LogTail {
  title: string;
  /** Absolute path of the whole log. */
  file: string;
  text: string;
}

/**
 * The run as one page that needs nothing else: no script, no font, no other file (links lead to the logs beside it).
 *
 * @param tailsOf the log tails to show for a plan.
 * @param history the runs before this one, latest first; their pages are beside this one's folder.
 */
export function htmlPage(
  report: RunReport,
  tailsOf: (plan: PlanReport) => readonly LogTail[],
  history: readonly PastRun[] = [],
): string {
  const isGood = runPassed(report);
  return [
    pageHead({ title: `${isGood ? 'passed' : 'FAILED'}: ${report.cell}`, heading: countLine(report), isGood }),
    `<p>${escapeHtml(report.cell)}, image ${escapeHtml(report.image)}, run ${escapeHtml(report.id)}<br>${escapeHtml(report.machine)}</p>`,
    timeline(report),
    ...report.plans.map((plan) => planSection(plan, report, tailsOf(plan))),
    leftOut(report),
    notRun(report),
    historySection(report, history),
    pageEnd,
  ].join('\n');
}

function timeline(report: RunReport): string {
  const begin = Date.parse(report.startedAt);
  const rows = [
    ...(report.phases.length > 0 ? [{ label: 'before', phases: report.phases }] : []),
    ...report.plans.map(({ plan, phases }) => ({ label: plan, phases })),
  ];
  const all = rows.flatMap(({ phases }) => phases);
  const from = Math.min(begin, ...all.map(({ startedAt }) => Date.parse(startedAt)));
  const until = Math.max(from + 1, ...all.map((phase) => Date.parse(phase.startedAt) + phase.durationMs));
  const bar = (phase: PhaseTime): string => {
    const left = percent(Date.parse(phase.startedAt) - from, until - from);
    const width = percent(phase.durationMs, until - from);
    const title = `${phase.name} ${formatDuration(phase.durationMs)}`;
    return `<span class="${phase.name}" style="left:${left};width:${width}" title="${title}"></span>`;
  };
  const key = ['build', 'install', 'boot', 'tests'].map((name) => `<span class="${name}"></span>${name}`).join('');
  return [
    '<div class="time">',
    ...rows.map(
      ({ label, phases }) => `<div>${escapeHtml(label)}</div><div class="bars">${phases.map(bar).join('')}</div>`,
    ),
    `<div>${formatDuration(until - from)}</div><div class="key">${key}</div></div>`,
  ].join('\n');
}

function planSection(plan: PlanReport, report: RunReport, tails: readonly LogTail[]): string {
  const link = (path: string): string => encodeURI(relative(report.folder, path));
  const outcome = outcomeWord(plan);
  const times = plan.phases.map(({ name, durationMs }) => `${name} ${formatDuration(durationMs)}`).join(', ');
  return [
    `<h2 class="${outcome}">${escapeHtml(plan.plan)}: ${outcome}</h2>`,
    `<p>${times} · VM ${escapeHtml(plan.vm)} · <a href="${link(plan.folder)}/">logs</a></p>`,
    failureSection(plan),
    plan.tests.length === 0 ? '' : `<table>${plan.tests.map((test) => testRow(test, plan, link)).join('\n')}</table>`,
    ...tails.map(
      ({ title, file, text }) =>
        `<details><summary>${escapeHtml(title)}</summary><a href="${link(file)}">whole log</a><pre>${escapeHtml(text)}</pre></details>`,
    ),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function failureSection({ failure, quarantined, earlierTries = [] }: PlanReport): string {
  const tries = earlierTries.map(
    ({ code, message }) => `<p>tried again after ${escapeHtml(code)}: ${escapeHtml(message.split('\n')[0] ?? '')}</p>`,
  );
  if (failure === undefined) return tries.join('');
  const known =
    quarantined === undefined
      ? ''
      : `<p>known until ${quarantined.expires}: ${escapeHtml(quarantined.reason)} (${escapeHtml(quarantined.tracker)})</p>`;
  const help = failure.hint === undefined ? '' : `<br>${escapeHtml(failure.hint)}`;
  return [
    ...tries,
    known,
    `<div class="card"><p><b>${escapeHtml(failure.class)}, ${escapeHtml(failure.code)}, in phase ${failure.phase}</b>`,
    `<br>${escapeHtml(failure.message)}${help}</p>`,
    `<p>last lines of ${escapeHtml(failure.tailOf)}:</p><pre>${escapeHtml(failure.tail.join('\n'))}</pre>`,
    failure.command === undefined ? '' : `<pre>${escapeHtml(failure.command)}</pre>`,
    '</div>',
  ].join('');
}

function testRow(test: TestReport, plan: PlanReport, link: (path: string) => string): string {
  const kind =
    test.result === 'pass' || test.result === 'info' ? 'passed' : test.result === 'skip' ? 'skipped' : 'failed';
  const name = escapeHtml(test.name);
  const linked =
    test.outputFile === undefined ? name : `<a href="${link(`${plan.folder}/${test.outputFile}`)}">${name}</a>`;
  return `<tr><td class="${kind}">${test.result}</td><td>${linked}</td><td>${formatDuration(test.durationMs)}</td><td>${escapeHtml(test.note)}</td></tr>`;
}

function leftOut(report: RunReport): string {
  if (report.leftOut.length === 0) return '';
  const rows = report.leftOut.map(
    ({ plan, why }) => `<tr><td>${escapeHtml(plan)}</td><td>${escapeHtml(why)}</td></tr>`,
  );
  return `<h2>Left out</h2><table>${rows.join('\n')}</table>`;
}

function notRun(report: RunReport): string {
  if (report.notRun.length === 0) return '';
  const rows = report.notRun.map((plan) => `<tr><td class="failed">${escapeHtml(plan)}</td></tr>`);
  return `<h2 class="failed">Not run: the run ended before</h2><table>${rows.join('\n')}</table>`;
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(2)}%`;
}
