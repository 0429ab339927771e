import { join } from 'node:path';
import type { PhaseTime, PlanReport } from '../report/plan-report.ts';
import { pathWord, type RunFolder } from '../runs/run-folder.ts';
import type { BcvkClient } from '../vm/bcvk-client.ts';
import type { Accel, DeadlineWishes } from '../vm/deadlines.ts';
import type { BcvkSupport } from '../vm/launch-arguments.ts';
import type { Machine } from '../vm/machine.ts';
import type { Clock } from '../vm/waits/clock.ts';
import type { Plan } from './plans.ts';

/** What all plans of a run have in common. */
export interface RunContext {
  folder: RunFolder;
  /** What was done before the first plan: the build of the image. */
  before: readonly PhaseTime[];
  /** The cell as one word of a path. */
  cellSlug: string;
  image: string;
  /** The digest that the image must have; undefined where no VM is made of it. */
  imageDigest: string | undefined;
  bcvk: BcvkClient;
  support: BcvkSupport;
  /** How guests run here, as far as that is known before one does. */
  accel: Accel | undefined;
  timeouts: DeadlineWishes;
  bcvkOptions: readonly string[];
  labels: readonly string[];
  /** The tmt program. */
  tmt: string;
  /** The fmf tree. */
  treeFolder: string;
  contexts: Readonly<Record<string, string>>;
  environment: Readonly<Record<string, string>>;
  /** Goes to plans that want bind storage. */
  upgradeImage: string | undefined;
  /** Where the ssh keys of VMs go. */
  keyFolder: string;
  /** Only tests whose names contain one of these, and the one that ends a plan; empty: all. */
  tests: readonly string[];
  /** The VM of all plans; undefined: each has one of its own. */
  running: Machine | undefined;
  /** Whether VMs start from snapshots where they can. */
  snapshot: boolean;
  /** Whether VMs stay. */
  preserveVm: boolean;
  clock: Clock;
  /** Told each VM that was made, before it has booted. */
  onLaunch?: (machine: Machine) => void;
  /** How often a plan is tried again after a failure of the infrastructure. */
  retries: number;
  signal: AbortSignal;
}

/** One plan of a run. */
export interface PlanContext extends RunContext {
  plan: Plan;
  /** Name of its VM. */
  vm: string;
  /** Where all evidence goes. */
  planFolder: string;
  /** Every command and its output. */
  commandsLog: string;
  /** tmt's own folder while it runs. */
  tmtFolder: string;
}

/** What came of a plan. */
export type PlanOutcome = Pick<PlanReport, 'outcome' | 'failure' | 'tests' | 'accel'>;

/** Names all that belongs to one try of a plan, and makes its folder. */
export function planContext(context: RunContext, plan: Plan, tryNumber = 1): PlanContext {
  const name = tryNumber === 1 ? plan.name : `${plan.name}-try-${tryNumber}`;
  const word = pathWord(name);
  const planFolder = context.folder.planFolder(context.cellSlug, name);
  return {
    ...context,
    plan,
    vm: context.running?.name ?? `bootc-tmt-${context.folder.suffix}-${word}`,
    planFolder,
    commandsLog: join(planFolder, 'commands.log'),
    tmtFolder: join(context.folder.workPath, word.slice(-20)),
  };
}
