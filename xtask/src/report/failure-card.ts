import { relative } from 'node:path';
import type { PlanReport } from './plan-report.ts';

/**
 * All that one needs to begin to look into a failed plan: what, whose fault, in which phase, the last lines, and where
 * the rest is. Plain text, no newline at the end; empty for a plan that did not fail.
 *
 * @param base paths are shown relative to it where they are below it.
 */
export function failureCard({ plan, failure, folder, vm, tests, quarantined }: PlanReport, base: string): string {
  if (failure === undefined) return '';
  const failedTests = tests.filter(({ result }) => result === 'fail' || result === 'error');
  const shown = relative(base, folder);
  const path = shown.startsWith('..') ? folder : shown;
  return [
    `${quarantined === undefined ? 'FAILED' : 'QUARANTINED'} ${plan} in phase ${failure.phase} (${failure.class}, ${failure.code})`,
    ...failure.message.split('\n').map((line) => `  ${line}`),
    ...(quarantined === undefined
      ? []
      : [`  known until ${quarantined.expires}: ${quarantined.reason} (${quarantined.tracker})`]),
    ...(failure.hint === undefined ? [] : [`  help: ${failure.hint}`]),
    ...(failure.command === undefined ? [] : [`  + ${failure.command}`]),
    ...(failedTests.length > 1
      ? ['  failed tests:', ...failedTests.map(({ name, result, note }) => `    ${result} ${name} ${note}`.trimEnd())]
      : []),
    ...(failure.tail.length === 0
      ? []
      : [`  last lines of ${failure.tailOf}:`, ...failure.tail.map((line) => `  | ${line}`)]),
    `  VM ${vm}, logs: ${path}/`,
  ].join('\n');
}
