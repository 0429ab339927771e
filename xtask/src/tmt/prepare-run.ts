import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { CodedError } from '@workbench/run';
import { formatOwner, ownerOf } from '../runs/owner.ts';
import { createRunFolder, keptRuns, type RunFolder } from '../runs/run-folder.ts';
import { workspace, workspaceRoot } from '../settings/workspace.ts';
import { note, step } from '../steps/step.ts';
import type { BcvkClient } from '../vm/bcvk-client.ts';
import { findOnPath } from '../vm/choose-bcvk.ts';
import type { Accel } from '../vm/deadlines.ts';
import { type BcvkSupport, bcvkSupportOf } from '../vm/launch-arguments.ts';
import { openBcvk } from '../vm/open-bcvk.ts';
import { launcherLabelStart, ownerLabelStart, reapLeftovers, testLabel } from '../vm/reaper.ts';
import { systemClock } from '../vm/waits/clock.ts';
import type { RunOptions, World } from './run-options.ts';

/** A run that can begin: this machine was looked at, and leftovers of dead runs are gone. */
export interface PreparedRun {
  world: World;
  folder: RunFolder;
  bcvk: BcvkClient;
  support: BcvkSupport;
  /** How guests run here, as far as that is known before one does. */
  accel: Accel | undefined;
  labels: readonly string[];
  /** Which bcvk and why, in one line. */
  machine: string;
}

/** The world as it is, with what the options put in its place. */
export async function worldOf(options: Pick<RunOptions, 'world' | 'logDir'>): Promise<World> {
  const tmt = options.world?.tmt ?? (await findTmt());
  return {
    repository: workspaceRoot,
    target: workspace.target,
    bundledBcvk: [process.execPath, workspace.bundledBcvk],
    clock: systemClock,
    ...options.world,
    runsRoot: options.logDir === undefined ? (options.world?.runsRoot ?? workspace.runs) : resolve(options.logDir),
    tmt,
  };
}

const runTools = ['podman', 'rsync', 'ssh'];

/**
 * Looks for what every run needs, before minutes go into building what it would test.
 *
 * @throws CodedError TOOLS_MISSING; BCVK_NOT_FOUND; LIBVIRT_UNREACHABLE.
 */
export async function requireMachine({ bcvk }: Pick<RunOptions, 'bcvk'>): Promise<void> {
  await requireTools(runTools);
  await findTmt();
  await (await openBcvk(bcvk)).hostStatus();
}

/**
 * Makes the run's folder, chooses bcvk, and removes what dead runs left.
 *
 * @throws CodedError TOOLS_MISSING with every program that is missing, before anything is done.
 */
export async function prepareRun(options: RunOptions, title: string): Promise<PreparedRun> {
  await requireTools(runTools);
  const world = await worldOf(options);
  return step('look at this machine', async () => {
    const bcvk = await openBcvk(options.bcvk, world.bundledBcvk);
    const [status, help] = await Promise.all([bcvk.hostStatus(), bcvk.runHelp()]);
    // The real bcvk knows nothing but KVM. The bundled one may know only once it has seen the kernel of the image.
    const { kind, why } = bcvk.program;
    const accel = status.accel ?? (kind === 'system' ? 'kvm' : undefined);
    const machine = `bcvk: ${kind} (${why})`;
    note(machine);
    mkdirSync(world.target, { recursive: true });
    for (const line of await reapLeftovers({ bcvk, runsRoot: world.runsRoot }))
      note(`left by a dead run, removed: ${line}`);
    const keep = options.logDir === undefined ? keptRuns : Number.POSITIVE_INFINITY;
    const folder = createRunFolder(world.runsRoot, { title, keep });
    const whose = `${options.preserveVm ? launcherLabelStart : ownerLabelStart}${formatOwner(ownerOf())}`;
    const labels = [testLabel, `bootc.run=${folder.id}`, whose];
    return { world, folder, bcvk, support: bcvkSupportOf(help), accel, labels, machine };
  });
}

async function findTmt(): Promise<string> {
  const found = (await findOnPath('tmt')) ?? (await findOnPath('tmt', resolve(workspace.tmt, '..')));
  if (found !== undefined) return found;
  throw missing(['tmt']);
}

async function requireTools(names: readonly string[]): Promise<void> {
  const found = await Promise.all(names.map((name) => findOnPath(name)));
  const lacking = names.filter((_name, index) => found[index] === undefined);
  if (lacking.length > 0) throw missing(lacking);
}

function missing(names: readonly string[]): CodedError {
  return new CodedError('TOOLS_MISSING', `this machine has no ${names.join(', ')}`, {
    hint: 'xtask doctor says what to install; ./justw installs it',
  });
}
