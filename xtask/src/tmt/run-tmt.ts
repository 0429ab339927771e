import { mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { CodedError, run } from '@workbench/run';
import { axisList, axisVariable, cellSlug, formatCell } from '../matrix/cell.ts';
import { loadQuarantine } from '../quarantine/quarantine.ts';
import { failureCard } from '../report/failure-card.ts';
import { type PhaseTime, type PlanReport, type RunReport, runPassed } from '../report/plan-report.ts';
import { readHistory } from '../report/run-history.ts';
import { summaryTable } from '../report/summary-table.ts';
import { writeReports } from '../report/write-reports.ts';
import { workspaceRoot } from '../settings/workspace.ts';
import { note, recordedSteps, step } from '../steps/step.ts';
import { listNames } from './fmf-nodes.ts';
import { type ImageFacts, readGuestFacts, readImageFacts } from './image-facts.ts';
import { longestFirst } from './longest-first.ts';
import type { RunContext } from './plan-context.ts';
import { changesNothing, type PlanSelection, selectPlans } from './plans.ts';
import { type PreparedRun, prepareRun } from './prepare-run.ts';
import type { RunOptions } from './run-options.ts';
import { runPlans } from './run-plans.ts';
import { contextOptions } from './tmt-command.ts';
import { copyPlans } from './work-tree.ts';

export { provision } from './provision.ts';
export type { RunOptions } from './run-options.ts';

/**
 * Runs tmt plans, each in a VM of its own, and reports: a table and a card for each failure, JUnit XML, one HTML page.
 * A plan that fails does not keep the others from running; a VM that cannot be made does, since the next would not be
 * made either.
 *
 * @returns the exit status: 0 when no plan failed.
 * @throws CodedError INTERRUPTED (exit code 130) when it was aborted, after the VMs were removed; PLAN_UNKNOWN;
 * TOOLS_MISSING; BCVK_NOT_FOUND.
 */
export async function runTmt(options: RunOptions): Promise<number> {
  const print = options.print ?? ((text) => void process.stdout.write(`${text}\n`));
  const startedAt = new Date();
  // What ran before us in the same program: the build of the image. For a VM that runs already nothing is built that a
  // report would be of.
  const built = buildPhases();
  const before = options.running === undefined ? built : [];
  const quarantine = await loadQuarantine(join(options.world?.repository ?? workspaceRoot, 'quarantine.yaml'));
  const prepared = await prepareRun(options, `run-tmt ${options.filters.join(' ')}`.trim());
  const { folder } = prepared;
  const plans: PlanReport[] = [];
  let selection: PlanSelection = { plans: [], leftOut: [] };
  const report = (): RunReport => ({
    id: folder.id,
    folder: folder.path,
    cell: formatCell(options.cell),
    image: options.image,
    startedAt: built[0]?.startedAt ?? startedAt.toISOString(),
    durationMs: Date.now() - Date.parse(built[0]?.startedAt ?? startedAt.toISOString()),
    machine: machineLine(prepared, plans),
    phases: before,
    plans: plans.toSorted((a, b) => placeOf(a, selection) - placeOf(b, selection)),
    leftOut: selection.leftOut,
    notRun: selection.plans.map(({ name }) => name).filter((name) => !plans.some(({ plan }) => plan === name)),
  });
  try {
    const treeFolder = join(folder.workPath, 'tree');
    const { digest, ...facts } = await factsFor(options, folder.workPath);
    const contexts = contextsFor(options, facts);
    selection = await step('select plans', () => select(options, prepared, contexts, treeFolder));
    if (options.tests.length > 0) note(`only tests with ${options.tests.join(' or ')} in their names`);
    if (selection.plans.length === 0) note('no plan to run in this cell');
    const imageDigest = options.imageDigest ?? digest;
    const context = { ...(await runContext(options, prepared, contexts, treeFolder, selection)), before, imageDigest };
    for (const { plan, why } of selection.leftOut) options.onLeftOut?.(plan, why);
    const done = (plan: PlanReport): void => {
      plans.push(plan);
      options.onPlan?.(plan);
    };
    const past = readHistory(folder.path).flatMap((earlier) => earlier.plans);
    await runPlans(context, longestFirst(selection.plans, past), { options, quarantine, done });
  } catch (error) {
    if (!options.signal.aborted) throw error;
    throw interrupted(folder.path, prepared.world.repository);
  } finally {
    if (plans.length > 0) writeReports(report());
    folder.finish();
  }
  const finished = report();
  writeReports(finished);
  printReport(finished, prepared.world.repository, print);
  return runPassed(finished) ? 0 : 1;
}

function machineLine({ machine, accel }: PreparedRun, plans: readonly PlanReport[]): string {
  const known = plans.find((plan) => plan.accel !== undefined)?.accel ?? accel;
  return known === undefined ? machine : `${machine}; guests run by ${known}`;
}

function printReport(report: RunReport, repository: string, print: (text: string) => void): void {
  for (const plan of report.plans) {
    const card = failureCard(plan, repository);
    if (card !== '') print(`${card}\n`);
  }
  print(summaryTable(report));
  const path = relative(repository, report.folder);
  print(`report: ${path}/report.html`);
  if (!runPassed(report)) print(path.startsWith('..') ? report.folder : path);
}

/** What is known of the system under test: of the VM that runs already, which has no digest here, else of the image. */
async function factsFor(
  { image, running, signal }: RunOptions,
  workFolder: string,
): Promise<Omit<ImageFacts, 'digest'> & { digest?: string }> {
  return running === undefined ? readImageFacts(image, workFolder, signal) : readGuestFacts(running, signal);
}

function contextsFor(
  { contexts }: RunOptions,
  { distro, variantId }: Omit<ImageFacts, 'digest'>,
): Record<string, string> {
  return { ...contexts, running_env: 'image_mode', distro, VARIANT_ID: variantId };
}

async function select(
  options: RunOptions,
  { world, folder }: PreparedRun,
  contexts: Readonly<Record<string, string>>,
  treeFolder: string,
): Promise<PlanSelection> {
  mkdirSync(treeFolder);
  await copyPlans(world.repository, treeFolder, options.signal);
  const argv: [string, ...string[]] = [world.tmt, ...contextOptions(contexts), 'plan', 'export', '--how=json'];
  const { stdout } = await run(argv, {
    step: 'list the plans',
    cwd: treeFolder,
    signal: options.signal,
    logFile: join(folder.path, 'commands.log'),
  });
  const exported: unknown[] = JSON.parse(stdout);
  const { cell, filters, running, tests } = options;
  const wishes = { cell, filters, tests, testNames: await listNames('test', treeFolder) };
  return selectPlans(running === undefined ? exported : exported.filter(changesNothing), wishes);
}

async function runContext(
  options: RunOptions,
  prepared: PreparedRun,
  contexts: Readonly<Record<string, string>>,
  treeFolder: string,
  selection: PlanSelection,
): Promise<Omit<RunContext, 'before' | 'imageDigest'>> {
  const wantsUpgrade = selection.plans.some(({ wantsBindStorage }) => wantsBindStorage);
  const ofCell = Object.fromEntries(axisList.map((axis) => [axisVariable(axis), options.cell[axis]]));
  return {
    folder: prepared.folder,
    cellSlug: cellSlug(options.cell),
    image: options.image,
    bcvk: prepared.bcvk,
    support: prepared.support,
    accel: prepared.accel,
    timeouts: options.timeouts,
    bcvkOptions: options.bcvkOptions,
    labels: prepared.labels,
    tmt: prepared.world.tmt,
    treeFolder,
    contexts,
    environment: { ...ofCell, ...options.environment },
    upgradeImage: options.upgradeImage ?? (wantsUpgrade ? await options.buildUpgradeImage?.() : undefined),
    keyFolder: options.preserveVm ? prepared.world.target : prepared.folder.workPath,
    tests: options.tests,
    running: options.running,
    snapshot: options.snapshot,
    preserveVm: options.preserveVm,
    clock: prepared.world.clock,
    retries: options.preserveVm ? 0 : options.retries,
    signal: options.signal,
  };
}

function placeOf(report: PlanReport, selection: PlanSelection): number {
  return selection.plans.findIndex(({ name }) => name === report.plan);
}

function buildPhases(): PhaseTime[] {
  return recordedSteps()
    .filter(({ outcome, durationMs }) => outcome === 'done' && durationMs > 0)
    .map(({ startedAt, durationMs }) => ({ name: 'build', startedAt, durationMs }));
}

function interrupted(folder: string, repository: string): CodedError {
  return new CodedError('INTERRUPTED', 'stopped on request; its VMs were removed', {
    exitCode: 130,
    hint: `logs of what ran are in ${relative(repository, folder)}`,
  });
}
