import { formatDuration } from '../steps/plain-renderer.ts';
import { hasFailed, type PhaseName, type PhaseTime, type PlanReport, type RunReport } from './plan-report.ts';

const columns: readonly PhaseName[] = ['install', 'boot', 'tests'];

/**
 * The outcome of a run as a table for people: a row a plan with the time of each phase, then what was left out or not run, and
 * one line that counts. Plain text, no newline at the end.
 */
export function summaryTable(report: RunReport): string {
  const rows = [
    ['plan', 'outcome', ...columns],
    ...report.plans.map((plan) => [plan.plan, outcomeOf(plan), ...columns.map((name) => columnOf(plan.phases, name))]),
  ];
  const lines = [
    `${report.cell}  ${report.image}`,
    report.machine,
    ...report.phases.map((phase) => `${phase.name} took ${formatDuration(phase.durationMs)}`),
    '',
    ...align(rows),
    ...report.leftOut.map(({ plan, why }) => `${plan}  left out: ${why}`),
    ...report.notRun.map((plan) => `${plan}  NOT RUN: the run ended before`),
    '',
    countLine(report),
  ];
  return lines.join('\n');
}

/** A VM from a snapshot does not boot: its column says so. */
function columnOf(phases: readonly PhaseTime[], name: PhaseName): string {
  if (name === 'boot' && phases.some((phase) => phase.name === 'restore')) {
    return `${durationOf(phases, 'restore')} (snapshot)`;
  }
  return durationOf(phases, name);
}

/** One line: how many plans passed, failed (of which kind), were skipped, and did not run. */
export function countLine(report: RunReport): string {
  const count = (outcome: PlanReport['outcome']): number =>
    report.plans.filter((plan) => plan.outcome === outcome).length;
  const classes = new Map<string, number>();
  for (const { failure } of report.plans.filter(hasFailed)) {
    if (failure !== undefined) classes.set(failure.class, (classes.get(failure.class) ?? 0) + 1);
  }
  const ofWhich = [...classes].map(([name, number]) => `${number} ${name}`).join(', ');
  const quarantined = report.plans.filter((plan) => plan.quarantined !== undefined).length;
  const retried = report.plans.filter((plan) => plan.earlierTries !== undefined).length;
  const parts = [
    `${count('passed')} passed`,
    `${report.plans.filter(hasFailed).length} failed${ofWhich === '' ? '' : ` (${ofWhich})`}`,
    ...(count('skipped') > 0 ? [`${count('skipped')} skipped`] : []),
    ...(quarantined > 0 ? [`${quarantined} quarantined`] : []),
    ...(retried > 0 ? [`${retried} tried again`] : []),
    ...(report.leftOut.length > 0 ? [`${report.leftOut.length} left out`] : []),
    ...(report.notRun.length > 0 ? [`${report.notRun.length} not run`] : []),
  ];
  return `${parts.join(', ')} in ${formatDuration(report.durationMs)}`;
}

function outcomeOf({ outcome, failure, quarantined, earlierTries = [] }: PlanReport): string {
  const again = earlierTries.length === 0 ? '' : ` (try ${earlierTries.length + 1}; before: ${codesOf(earlierTries)})`;
  if (failure === undefined) return `${outcome.toUpperCase()}${again}`;
  const what = `${failure.class}: ${failure.code}${again}`;
  return quarantined === undefined
    ? `FAILED ${what}`
    : `QUARANTINED ${what} (${quarantined.tracker}, until ${quarantined.expires})`;
}

function codesOf(tries: readonly { code: string }[]): string {
  return tries.map(({ code }) => code).join(', ');
}

function durationOf(phases: readonly PhaseTime[], name: PhaseName): string {
  const phase = phases.find((candidate) => candidate.name === name);
  return phase === undefined ? '-' : formatDuration(phase.durationMs);
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((field, column) => field.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
