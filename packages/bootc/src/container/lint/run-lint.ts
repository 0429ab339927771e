import { CodedError } from '@workbench/run';
import { formatYaml } from '../../deployment/yaml-text.ts';
import { requireRootfs } from '../rootfs.ts';
import { bootChecks } from './boot-checks.ts';
import type { LintCheck, LintFinding } from './check.ts';
import { folderChecks } from './folder-checks.ts';
import { machineDataChecks } from './machine-data-checks.ts';

/** What `bootc container lint` is told. */
export interface LintOptions {
  root: string;
  warningsAreFatal: boolean;
  skip: readonly string[];
  /** Show everything that was found, not only the first few things of each check. */
  showAll: boolean;
}

/** What came of it. */
export interface LintReport {
  /** For people, each without a newline. */
  lines: readonly string[];
  failed: number;
  warnings: number;
}

/** All checks, in the order of their names. */
export const lintChecks: readonly LintCheck[] = [...folderChecks, ...bootChecks, ...machineDataChecks].sort((a, b) =>
  a.name < b.name ? -1 : 1,
);

const shownItems = 5;

/** The checks as YAML. */
export function listChecks(): string {
  return formatYaml(lintChecks.map(({ name, level, description }) => ({ name, type: level, description })));
}

/**
 * Checks an image.
 *
 * @throws CodedError `LINT_UNKNOWN` for the name of a check that there is not; `ROOTFS_INVALID`.
 */
export async function lintImage(options: LintOptions): Promise<LintReport> {
  const unknown = options.skip.filter((name) => !lintChecks.some((check) => check.name === name));
  if (unknown.length > 0) {
    throw new CodedError('LINT_UNKNOWN', `there is no check ${unknown.join(', ')} to skip`, {
      hint: 'bootc container lint --list names them',
    });
  }
  await requireRootfs(options.root);
  const checks = lintChecks.filter(({ name }) => !options.skip.includes(name));
  const lines: string[] = [];
  let failed = 0;
  let warnings = 0;
  for (const check of checks) {
    const finding = await check.run({ root: options.root });
    if (finding === undefined) continue;
    const isFatal = check.level === 'fatal' || options.warningsAreFatal;
    if (isFatal) failed++;
    else warnings++;
    lines.push(...formatFinding(isFatal ? 'Failed lint' : 'Lint warning', check.name, { finding, ...options }), '');
  }
  lines.push(`Checks passed: ${checks.length - failed - warnings}`);
  if (options.skip.length > 0) lines.push(`Checks skipped: ${options.skip.length}`);
  if (warnings > 0) lines.push(`Warnings: ${warnings}`);
  return { lines, failed, warnings };
}

function formatFinding(
  heading: string,
  name: string,
  { finding, showAll }: { finding: LintFinding; showAll: boolean },
): string[] {
  const { message, items = [] } = finding;
  const shown = showAll ? items : items.slice(0, shownItems);
  const rest = items.length - shown.length;
  return [
    `${heading}: ${name}: ${message}${items.length === 0 ? '' : ':'}`,
    ...shown.map((item) => `  ${item}`),
    ...(rest === 0 ? [] : [`  … and ${rest} more`]),
  ];
}

/**
 * Checks an image and prints what was found.
 *
 * @throws CodedError `LINT_FAILED`.
 */
export async function runLint(options: LintOptions): Promise<void> {
  const { lines, failed } = await lintImage(options);
  process.stdout.write(`${lines.join('\n')}\n`);
  if (failed === 0) return;
  throw new CodedError('LINT_FAILED', `Checks failed: ${failed}`, {
    hint: 'change how the image is built, or leave out a check with --skip',
  });
}
