import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { formatCell } from '../matrix/cell.ts';
import { type QuarantineEntry, toleratedBy } from '../quarantine/quarantine.ts';
import { type EarlierTry, hasFailed, type PlanReport } from '../report/plan-report.ts';
import { note } from '../steps/step.ts';
import type { Accel } from '../vm/deadlines.ts';
import type { RunContext } from './plan-context.ts';
import { runPlan, writeResult } from './plan-run.ts';
import { availableMemoryMiB, countSlots, resourcesOf } from './plan-slots.ts';
import type { Plan } from './plans.ts';
import type { RunOptions } from './run-options.ts';

/** How plans are run beside what each needs. */
export interface PlansOptions {
  options: Pick<RunOptions, 'parallel' | 'cell'>;
  quarantine: readonly QuarantineEntry[];
  /** Told each plan when it is through. */
  done: (report: PlanReport) => void;
}

/**
 * Runs plans, as many at the same time as this machine carries. A plan that fails does not keep the others from running; a
 * VM that cannot be made does, since the next would not be made either, unless that is known and in quarantine.
 *
 * @throws the reason of the abort signal, when all VMs are removed.
 */
export async function runPlans(
  context: RunContext,
  plans: readonly Plan[],
  { options, quarantine, done }: PlansOptions,
): Promise<void> {
  const available = {
    availableMiB: availableMemoryMiB(readFileSync('/proc/meminfo', 'utf8')),
    processors: availableParallelism(),
    wanted: options.parallel,
  };
  const limit = pLimit(1);
  // How guests run here may show in the first one alone.
  const learn = (accel: Accel | undefined): void => {
    const slots = countSlots({ ...available, ...resourcesOf(context.bcvkOptions, accel) });
    if (slots <= limit.concurrency) return;
    limit.concurrency = slots;
    if (plans.length > 1) note(`up to ${Math.min(slots, plans.length)} plans at the same time`);
  };
  learn(context.accel);
  let isOver = false;
  const runOne = async (plan: Plan): Promise<void> => {
    if (isOver || context.signal.aborted) return;
    const report = await runWithRetries({ ...context, onLaunch: ({ accel }) => learn(accel) }, plan);
    const judged = tolerate(report, quarantine, formatCell(options.cell));
    if (hasFailed(judged) && judged.failure?.phase === 'install') isOver = true;
    writeResult(judged);
    done(judged);
  };
  const results = await Promise.allSettled(plans.map((plan) => limit(runOne, plan)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  context.signal.throwIfAborted();
}

/** Tries a plan again after a failure of the infrastructure, and only then: a retry must not hide a defect. */
async function runWithRetries(context: RunContext, plan: Plan): Promise<PlanReport> {
  const earlierTries: EarlierTry[] = [];
  for (let tryNumber = 1; ; tryNumber++) {
    const report = await runPlan(context, plan, tryNumber);
    const { failure, folder } = report;
    if (failure?.class !== 'infrastructure' || tryNumber > context.retries) {
      return earlierTries.length === 0 ? report : { ...report, earlierTries };
    }
    note(`${plan.name} failed for the infrastructure's sake (${failure.code}): try ${tryNumber + 1} follows`);
    earlierTries.push({ code: failure.code, message: failure.message, folder });
  }
}

function tolerate(report: PlanReport, quarantine: readonly QuarantineEntry[], cell: string): PlanReport {
  const { failure, plan } = report;
  const quarantined = failure && toleratedBy(quarantine, { plan, cell, code: failure.code, class: failure.class });
  return quarantined === undefined ? report : { ...report, quarantined };
}
