import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, lastLines } from '@workbench/run';
import { inspectImage } from '../image/podman.ts';
import type { Failure, PhaseTime, PlanReport } from '../report/plan-report.ts';
import { note, progress, step } from '../steps/step.ts';
import { readBcvkTimings } from '../vm/bcvk-timings.ts';
import { GuestDeath } from '../vm/guest-death.ts';
import { logLaunchEvidence } from '../vm/launch-evidence.ts';
import { LaunchError, launchMachine, type Machine } from '../vm/machine.ts';
import { type PlanContext, type PlanOutcome, planContext, type RunContext } from './plan-context.ts';
import { runTests } from './plan-tests.ts';
import { type Plan, vmWishesOf } from './plans.ts';

/**
 * Runs one plan once, in a VM of its own or in the one of the run, and keeps all evidence in the plan's folder.
 *
 * @throws the reason of the abort signal, after the VM was removed. Whatever else goes wrong is a failure in the report.
 */
export function runPlan(run: RunContext, plan: Plan, tryNumber = 1): Promise<PlanReport> {
  return step(tryNumber === 1 ? plan.name : `${plan.name}, try ${tryNumber}`, async () => {
    const context = planContext(run, plan, tryNumber);
    const phases: PhaseTime[] = [];
    const outcome = await attempt(context, phases);
    const report: PlanReport = { plan: plan.name, vm: context.vm, folder: context.planFolder, phases, ...outcome };
    writeResult(report);
    writeJson(join(context.planFolder, 'timings.json'), timingsOf(report, context.before));
    return report;
  });
}

/** Writes result.json into the folder of a plan. */
export function writeResult(report: PlanReport): void {
  writeJson(join(report.folder, 'result.json'), report);
}

async function attempt(context: PlanContext, phases: PhaseTime[]): Promise<PlanOutcome> {
  try {
    const runIn = async (machine: Machine): Promise<PlanOutcome> => {
      const outcome = await timed(phases, 'tests', 'tests', () => runTests(context, machine));
      return { ...outcome, accel: machine.accel };
    };
    if (context.running !== undefined) return await runIn(context.running);
    await using machine = await timed(phases, 'install', 'install and start', () => launch(context));
    context.onLaunch?.(machine);
    const failure = await changeOfImage(context);
    if (failure !== undefined) return { outcome: 'failed', failure, tests: [] };
    await start(machine, phases);
    return await runIn(machine);
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof LaunchError) {
      await logLaunchEvidence(context.bcvk, join(context.planFolder, 'launch-failure.log'));
      return { outcome: 'failed', failure: launchFailure(error), tests: [] };
    }
    if (error instanceof GuestDeath) return { outcome: 'failed', failure: bootFailure(error), tests: [] };
    throw error;
  }
}

/** Waits until a machine that was just launched answers, and takes the snapshot that is wanted of it. */
async function start(machine: Machine, phases: PhaseTime[]): Promise<void> {
  const phase = machine.snapshot === 'restored' ? 'restore' : 'boot';
  if (phase === 'restore') note('started from a snapshot');
  await timed(phases, phase, phase, () => machine.waitForSsh(progress));
  if (machine.snapshot === 'wanted') await timed(phases, 'snapshot', 'snapshot', () => machine.takeSnapshot());
}

function launch(context: PlanContext): Promise<Machine> {
  const { accel, clock, image, labels, signal, support, timeouts, vm } = context;
  return launchMachine({
    name: vm,
    image,
    labels,
    ...vmWishesOf(context.plan, context),
    logFolder: context.planFolder,
    bcvk: context.bcvk.withLog(context.commandsLog),
    support,
    accel,
    timeouts,
    clock,
    keyFile: join(context.keyFolder, `${vm}.ssh-key`),
    atEnd: context.preserveVm ? 'keep and tell' : 'remove',
    signal,
    onLine: progress,
  });
}

/**
 * Names of images are not ours alone: a build in another terminal or checkout gives them to another image, of another cell maybe,
 * and the VM that was just made of the name is one of that.
 */
async function changeOfImage({ image, imageDigest, signal }: PlanContext): Promise<Failure | undefined> {
  const now = (await inspectImage(image, signal))?.digest;
  if (now === imageDigest) return undefined;
  return {
    class: 'infrastructure',
    code: 'IMAGE_CHANGED',
    phase: 'install',
    message: `${image} was ${imageDigest} when the run began, and is ${now ?? 'not there any more'}`,
    hint: 'another process built it, here or in another checkout: run again when it is through',
    command: undefined,
    tailOf: 'console',
    tail: [],
  };
}

function launchFailure(error: LaunchError): Failure {
  const [message = '', command, ..._output] = error.message.split('\n');
  const { cause } = error;
  const output = cause instanceof CommandError ? cause.stderr || cause.stdout : '';
  return {
    class: error.class,
    code: error.code,
    phase: 'install',
    message,
    hint: error.hint,
    command: command?.replace(/^ *\+ /, ''),
    tailOf: 'bcvk',
    tail: lastLines(output, 20),
  };
}

function bootFailure(death: GuestDeath): Failure {
  return {
    class: death.class,
    code: death.code,
    phase: 'boot',
    message: death.message,
    hint: death.hint,
    command: undefined,
    tailOf: 'console',
    tail: death.consoleTail,
  };
}

/** Runs one phase as a step and adds its time to `phases`, also when it throws. */
async function timed<T>(
  phases: PhaseTime[],
  name: PhaseTime['name'],
  title: string,
  work: () => Promise<T>,
): Promise<T> {
  const startedAt = new Date().toISOString();
  const before = performance.now();
  try {
    return await step(title, work);
  } finally {
    phases.push({ name, startedAt, durationMs: Math.round(performance.now() - before) });
  }
}

/** timings.json: the phases from the build on, the tests, and what bcvk says of its own steps. */
function timingsOf(report: PlanReport, before: readonly PhaseTime[]): unknown {
  const bcvk = readBcvkTimings(report.folder);
  return {
    plan: report.plan,
    phases: [...before, ...report.phases],
    tests: report.tests.map(({ name, durationMs }) => ({ name, durationMs })),
    ...(bcvk === undefined ? {} : { bcvk }),
  };
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}
