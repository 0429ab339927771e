import type { Quarantined } from '../quarantine/quarantine.ts';
import type { FailureClass } from '../vm/console-patterns.ts';

/** The parts of a run that take time, in order. */
export type PhaseName = 'build' | 'install' | 'boot' | 'restore' | 'snapshot' | 'tests';

/** How long one part took. */
export interface PhaseTime {
  name: PhaseName;
  /** ISO 8601, UTC. */
  startedAt: string;
  durationMs: number;
}

/** What tmt says of one test. */
export interface TestReport {
  name: string;
  result: 'pass' | 'fail' | 'info' | 'warn' | 'error' | 'skip' | 'pending';
  durationMs: number;
  /** Why it is so, in tmt's words. */
  note: string;
  /** File with the output, relative to the plan's folder. */
  outputFile: string | undefined;
}

/** Why a plan failed: all that a person needs to go on. */
export interface Failure {
  class: FailureClass;
  /** Stable; to be searched for. */
  code: string;
  phase: PhaseName;
  /** One line, or a few. */
  message: string;
  hint: string | undefined;
  /** The command that failed, as one can paste it. */
  command: string | undefined;
  /** What the last lines are of: the console, or a test. */
  tailOf: string;
  tail: readonly string[];
}

/** A try of a plan that failed for reasons of the infrastructure, and was followed by another. */
export interface EarlierTry {
  code: string;
  message: string;
  /** Absolute path. */
  folder: string;
}

/** All about one plan of a run. This is result.json. */
export interface PlanReport {
  plan: string;
  vm: string;
  /** Absolute path. */
  folder: string;
  outcome: 'passed' | 'failed' | 'skipped';
  /** How its guest ran, where that is known. */
  accel?: 'kvm' | 'tcg' | undefined;
  failure?: Failure;
  /** Why this failure does not count, when it is one that is known. */
  quarantined?: Quarantined;
  /** What came before this try; left out when there was nothing. */
  earlierTries?: readonly EarlierTry[];
  tests: readonly TestReport[];
  phases: readonly PhaseTime[];
}

/** All about one run. This is report.json. */
export interface RunReport {
  id: string;
  /** Absolute path. */
  folder: string;
  cell: string;
  image: string;
  /** ISO 8601, UTC. */
  startedAt: string;
  durationMs: number;
  /** Which bcvk, and why; how guests run. */
  machine: string;
  /** Before the first plan. */
  phases: readonly PhaseTime[];
  plans: readonly PlanReport[];
  /** Plans that the cell does not run, each with the reason. */
  leftOut: readonly { plan: string; why: string }[];
  /** Plans that did not come to an end, because the run ended before: it was stopped, or no VM could be made. */
  notRun: readonly string[];
}

/** Whether a plan failed in a way that counts. */
export function hasFailed({ outcome, quarantined }: PlanReport): boolean {
  return outcome === 'failed' && quarantined === undefined;
}

/** Whether all was run, and nothing failed that counts. A run in which every plan was left out is good: the cell has no such plan. */
export function runPassed(report: RunReport): boolean {
  return report.notRun.length === 0 && !report.plans.some(hasFailed);
}
