import { resolve } from 'node:path';
import { CodedError } from '@workbench/run';
import { type DebianImage, debianBaseOf, mmdebstrapCommand, sealingTools } from '../image/base.ts';
import { bootcImage, buildArguments, upgradeImage as builtUpgradeImage, needsUpgradeImages } from '../image/build.ts';
import { podmanCommand } from '../image/podman.ts';
import { axisList, axisVariable, formatCell } from '../matrix/cell.ts';
import { isBuiltHere } from '../matrix/image-arguments.ts';
import { pathWord } from '../runs/run-folder.ts';
import type { Settings } from '../settings/load-settings.ts';
import type { TestRequest } from '../settings/test-request.ts';
import { workspace } from '../settings/workspace.ts';
import type { FmfNode } from '../tmt/fmf-nodes.ts';
import { type Plan, type PlanSelection, selectPlans, testEnvironment, vmWishesOf } from '../tmt/plans.ts';
import { tmtCommand } from '../tmt/tmt-command.ts';
import { launchArguments } from '../vm/launch-arguments.ts';
import { launcherLabelStart, ownerLabelStart, testLabel } from '../vm/reaper.ts';
import type { PlannedBcvk } from './planned-bcvk.ts';

/** One command that a test run would run. A word in angle brackets is known only then. */
export interface PlannedCommand {
  readonly stage: 'image' | 'vm' | 'tests';
  readonly title: string;
  readonly argv: readonly string[];
}

/** What the commands depend on beside settings and request. */
export interface PlanInput {
  readonly settings: Settings;
  readonly request: TestRequest;
  /** All plans. */
  readonly plans: readonly FmfNode[];
  /** The names of all tests. */
  readonly testNames: readonly string[];
  /** The packages of a Debian image. */
  readonly packagesOf: ReadonlyMap<DebianImage, readonly string[]>;
  readonly bcvk: PlannedBcvk;
  readonly systemdRuns: boolean;
}

/** The commands of `xtask test-tmt`, made by the functions that a run uses. Pure. */
export function plannedCommands(input: PlanInput): PlannedCommand[] {
  const selection = selectionOf(input);
  const plans = selection instanceof CodedError ? [] : selection.plans;
  return [...imageCommands(input), ...plans.flatMap((plan) => planCommands(plan, input))];
}

/** The plans that were asked for and would not run in this cell, each with the reason. Pure. */
export function plannedLeftOut(input: PlanInput): PlanSelection['leftOut'] {
  const selection = selectionOf(input);
  return selection instanceof CodedError ? [] : selection.leftOut;
}

/** Why a test run would not get as far as its commands; undefined when it would. Pure. */
export function whyNothingWouldRun(input: PlanInput): string | undefined {
  const { cell } = input.settings;
  if (!isBuiltHere(cell)) return `images/Containerfile makes no image for ${formatCell(cell)}`;
  const selection = selectionOf(input);
  return selection instanceof CodedError ? selection.message : undefined;
}

function selectionOf({ plans, request, testNames }: PlanInput): PlanSelection | CodedError {
  const { cell, filters, tests } = request;
  try {
    return selectPlans(plans, { cell, filters, tests, testNames });
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
}

function imageCommands(input: PlanInput): PlannedCommand[] {
  const { settings, systemdRuns } = input;
  const { cell } = settings;
  if (!isBuiltHere(cell)) return [];
  const base = settings.variables.get('BOOTC_base')?.value;
  const podman = (args: readonly string[]): string[] => podmanCommand(args, systemdRuns);
  const makeBase: PlannedCommand[] =
    base !== undefined
      ? [{ stage: 'image', title: 'pull the base image, unless it is there', argv: podman(['pull', '--quiet', base]) }]
      : debianCommands(debianBaseOf(cell), 'the base image', input);
  const makeTools = cell.bootType === 'uki' ? debianCommands(sealingTools, 'the tools for sealing', input) : [];
  const build = buildArguments({
    cell,
    base: base ?? debianBaseOf(cell).name,
    context: { folder: 'target/image/context', systemInputs: '<digest>', inputs: '<digest>' },
    certificate: '<digest>',
  });
  return [
    ...makeBase,
    ...makeTools,
    { stage: 'image', title: 'bundle the program', argv: ['node', 'packages/bootc/bundle.ts'] },
    { stage: 'image', title: `build ${bootcImage}`, argv: podman(build) },
  ];
}

function debianCommands(image: DebianImage, what: string, { packagesOf, systemdRuns }: PlanInput): PlannedCommand[] {
  return [
    {
      stage: 'image',
      title: `make ${what}, unless it is there and made of the same packages`,
      argv: mmdebstrapCommand(image, packagesOf.get(image) ?? [], '<archive>'),
    },
    {
      stage: 'image',
      title: 'import it',
      argv: podmanCommand(['import', '--quiet', '<archive>', image.name], systemdRuns),
    },
  ];
}

function planCommands(plan: Plan, { request, bcvk }: PlanInput): PlannedCommand[] {
  const wishes = {
    name: `bootc-tmt-<suffix>-${pathWord(plan.name)}`,
    image: request.image,
    labels: [testLabel, 'bootc.run=<run>', `${request.preserveVm ? launcherLabelStart : ownerLabelStart}<owner>`],
    ...vmWishesOf(plan, request),
    logFolder: resolve(
      request.logDir ?? workspace.runs,
      '<run>',
      pathWord(formatCell(request.cell)),
      pathWord(plan.name),
    ),
  };
  const ofCell = Object.fromEntries(axisList.map((axis) => [axisVariable(axis), request.cell[axis]]));
  const environment = { ...ofCell, ...request.environment };
  const upgradeImage = request.upgradeImage ?? (needsUpgradeImages(request.cell) ? builtUpgradeImage : undefined);
  const contexts = { ...request.contexts, running_env: 'image_mode', distro: '<distro>', VARIANT_ID: '<variant>' };
  const isBundled = bcvk.kind === 'bundled';
  const target = { port: '<port>' as unknown as number, keyFile: '<key>' };
  return [
    {
      stage: 'vm',
      title: `install and boot a VM for ${plan.name}`,
      // A run asks bcvk which of the options for logs and snapshots it has; of the bundled one it is known.
      argv: [...bcvk.argv, ...launchArguments(wishes, { logDir: true, consoleLog: isBundled, snapshot: isBundled })],
    },
    {
      stage: 'tests',
      title: `run ${plan.name} in it`,
      argv: tmtCommand({
        tmt: 'target/tools/venv/bin/tmt',
        contexts,
        environment: testEnvironment(plan, { ...request, environment, upgradeImage, nonce: '<nonce>' }),
        workFolder: '<work folder>',
        target,
        plan: plan.name,
        tests: request.tests,
      }),
    },
  ];
}
