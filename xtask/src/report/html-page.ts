import { relative } from 'node:path';
import { formatDuration } from '../steps/plain-renderer.ts';
import { escapeHtml } from './escape-html.ts';
import { historySection } from './history-section.ts';
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

const style = `
:root { color-scheme: light dark; --line: #8884; --good: #2e8b57; --bad: #c62f2f; --build: #8a6fb5; --install: #c9892b; --boot: #3c7fc0; --tests: #2e8b57 }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem }
.passed, .passed a { color: var(--good) } .failed, .failed a { color: var(--bad) } .quarantined, .quarantined a { color: var(--install) } .skipped { opacity: .7 }
.wide { overflow-x: auto } .cells th[scope=row] { font-weight: normal }
table { border-collapse: collapse } td, th { padding: .15rem .8rem .15rem 0; text-align: left; vertical-align: top }
.time { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .3rem .8rem; align-items: center; border: solid var(--line); border-width: 1px 0; padding: .6rem 0; margin: 1rem 0 }
.bars { position: relative; height: 1.3rem } .bars span { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: 2px }
.build { background: var(--build) } .install { background: var(--install) } .snapshot { background: var(--install) } .boot, .restore { background: var(--boot) } .tests { background: var(--tests) }
.key span { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin: 0 .3rem 0 1rem }
pre { overflow-x: auto; border: 1px solid var(--line); padding: .6rem; font-size: 12.5px; line-height: 1.35; max-height: 30rem }
summary { cursor: pointer } .card { border-left: 4px solid var(--bad); padding-left: 1rem }
`;

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
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<title>${isGood ? 'passed' : 'FAILED'}: ${escapeHtml(report.cell)}</title><style>${style}</style></head><body>`,
    `<h1 id="top" class="${isGood ? 'passed' : 'failed'}">${escapeHtml(countLine(report))}</h1>`,
    `<p>${escapeHtml(report.cell)}, image ${escapeHtml(report.image)}, run ${escapeHtml(report.id)}<br>${escapeHtml(report.machine)}</p>`,
    timeline(report),
    ...report.plans.map((plan) => planSection(plan, report, tailsOf(plan))),
    leftOut(report),
    historySection(report, history),
    '</body></html>\n',
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

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(2)}%`;
}
