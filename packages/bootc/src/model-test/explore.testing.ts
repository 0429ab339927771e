import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mutation, observeMutations } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { type LiveFiles, Violation, watchMachine } from './invariants.testing.ts';
import { type Layout, type Machine, makeMachine } from './machine.testing.ts';
import { type Random, seededRandom } from './random.testing.ts';
import { chooseStep, type Step } from './steps.testing.ts';

/** A random life of a machine. */
export interface Exploration {
  layout: Layout;
  steps: number;
  seed: number;
  /** Called after each step. */
  onStep?(done: number): void;
}

/** What happened in it. */
export interface ExplorationReport {
  /** How often each kind of step was taken, and how it ended: `rollback: done`, `rollback: NO_ROLLBACK`, `rollback: killed`. */
  counts: ReadonlyMap<string, number>;
  mutations: number;
}

/** After so many steps a machine is given up for a new one, so that rare beginnings are not rare. */
const stepsOfOneLife = 400;
const repositoryCheckEvery = 50;
const remembered = 25;

/**
 * Lets machines live through random steps, some of them killed or failing in the middle, and checks all invariants after each.
 *
 * @throws Violation that tells seed, step, and the steps before it; the folder of the machine is kept then.
 */
export async function explore(exploration: Exploration): Promise<ExplorationReport> {
  const random = seededRandom(exploration.seed);
  const counts = new Map<string, number>();
  let mutations = 0;
  for (let done = 0; done < exploration.steps; ) {
    const scratch = mkdtempSync(join(tmpdir(), 'model-test-'));
    const machine = await makeMachine(exploration.layout, scratch);
    const watch = watchMachine(machine);
    const history: string[] = [];
    let live = await watch.check();
    for (let age = 0; age < stepsOfOneLife && done < exploration.steps; age++, done++) {
      const step = chooseStep(machine, random);
      const told = { outcome: 'not finished' };
      try {
        const observed = await takeStep({ step, random, told });
        mutations += observed.count;
        const after = await watch.check();
        assertNoneUnlinked(live, after, observed.unlinked);
        live = after;
        if (done % repositoryCheckEvery === 0) await watch.checkRepository();
      } catch (error) {
        throw describe(error, { exploration, done, machine, history: [...history, `${step.name}: ${told.outcome}`] });
      }
      history.push(`${step.name}: ${told.outcome}`);
      if (history.length > remembered) history.shift();
      const kind = `${step.name.replace(/ image \d| as .*|\/etc\/.*/g, '')}: ${told.outcome.split(' ')[0]}`;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      exploration.onStep?.(done + 1);
    }
    machine[Symbol.dispose]();
    rmSync(scratch, { recursive: true });
  }
  return { counts, mutations };
}

interface Observed {
  count: number;
  unlinked: ReadonlySet<string>;
}

/** How a step goes wrong, if it does: which of its mutations is the last, or the one that fails. */
type Mishap = { kind: 'none' } | { kind: 'killed' | 'ENOSPC' | 'EIO'; at: number };

function chooseMishap(step: Step, random: Random): Mishap {
  if (!step.isInterruptible || !random.oneIn(3)) return { kind: 'none' };
  const kind = random.pickWeighted([['killed', 3] as const, ['ENOSPC', 1] as const, ['EIO', 1] as const]);
  // Short steps have few mutations, long ones more than a hundred.
  return { kind, at: random.below(random.pick([3, 20, 60, 150])) };
}

async function takeStep({
  step,
  random,
  told,
}: {
  step: Step;
  random: Random;
  told: { outcome: string };
}): Promise<Observed> {
  const mishap = chooseMishap(step, random);
  const unlinked = new Set<string>();
  let count = 0;
  let met: string | undefined;
  const observe = ({ name, path }: Mutation): void => {
    const index = count++;
    if (mishap.kind === 'killed' && index >= mishap.at) {
      met ??= `killed before ${name}`;
      throw new Error('killed');
    }
    if (mishap.kind !== 'none' && mishap.kind !== 'killed' && index === mishap.at) {
      met = `${mishap.kind} of ${name}`;
      throw Object.assign(new Error(`${mishap.kind}: ${name} ${path}`), { code: mishap.kind, syscall: name });
    }
    if (name === 'unlink' || name === 'rmdir') unlinked.add(path);
  };
  using _ = observeMutations(observe);
  try {
    await step.run();
    told.outcome = met ?? 'done';
  } catch (error) {
    const code = error instanceof CodedError ? error.code : undefined;
    told.outcome = met ?? code ?? 'failed';
    const isRefusal = code !== undefined && step.refusals.includes(code);
    if (error instanceof Violation || (met === undefined && !isRefusal)) throw error;
  }
  return { count, unlinked };
}

/** What was live before a step and is live after it was never gone in between. Files may move, when names are migrated. */
function assertNoneUnlinked(before: LiveFiles, after: LiveFiles, unlinked: ReadonlySet<string>): void {
  for (const [id, files] of before) {
    const still = new Set(after.get(id) ?? []);
    const gone = files.filter((path) => still.has(path) && unlinked.has(path));
    if (gone.length > 0) throw new Violation(`live files of ${id.slice(0, 8)} were unlinked: ${gone.join(', ')}`);
  }
}

function describe(
  error: unknown,
  context: { exploration: Exploration; done: number; machine: Machine; history: readonly string[] },
): Violation {
  const { exploration, done, machine, history } = context;
  const lines = [
    `layout ${exploration.layout}, seed ${exploration.seed}, step ${done}: ${error instanceof Error ? error.message : error}`,
    ...history.map((line, index) => `  ${index - history.length + 1}  ${line}`),
    `  the machine is in ${machine.system.directory}`,
  ];
  return new Violation(lines.join('\n'), { cause: error });
}
