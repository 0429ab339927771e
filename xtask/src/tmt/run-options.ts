import type { PlanReport } from '../report/plan-report.ts';
import type { TestRequest } from '../settings/test-request.ts';
import type { Machine } from '../vm/machine.ts';
import type { Clock } from '../vm/waits/clock.ts';

/** What runs of plans and VMs for manual use have in common: what to do, and when to stop. */
export interface RunOptions extends TestRequest {
  /** Digest that the image was built with, with `sha256:`. Default: the one that it has when the run begins. */
  readonly imageDigest?: string | undefined;
  /** Aborted by Ctrl-C: tmt is stopped, VMs are removed, reports of what is done are written. */
  readonly signal: AbortSignal;
  /** A VM that answers over ssh already: plans that change nothing run in it, and no others. Default: each plan gets one of its own. */
  readonly running?: Machine | undefined;
  /** Makes the image to upgrade to. Called only when a selected plan wants it and `upgradeImage` is not given. */
  readonly buildUpgradeImage?: (() => Promise<string>) | undefined;
  /** Where reports for people go. Default: standard output. */
  readonly print?: (text: string) => void;
  /** Told each plan when it is through. */
  readonly onPlan?: (report: PlanReport) => void;
  /** Told each plan that the cell does not run, before any runs. */
  readonly onLeftOut?: (plan: string, why: string) => void;
  /** For tests: another world than this machine and this repository. */
  readonly world?: Partial<World>;
}

/** The places and programs that a run uses. */
export interface World {
  /** Holds .fmf, plans and tests. */
  repository: string;
  runsRoot: string;
  /** Where the ssh keys of preserved VMs go. */
  target: string;
  tmt: string;
  /** How the bundled bcvk is started. */
  bundledBcvk: readonly [string, ...string[]];
  clock: Clock;
}
