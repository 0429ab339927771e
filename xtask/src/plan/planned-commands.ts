import { resolve } from 'node:path';
import { type DebianImage, debianBaseOf, mmdebstrapCommand, sealingTools } from '../image/base.ts';
import { bootcImage, buildArguments } from '../image/build.ts';
import { podmanCommand } from '../image/podman.ts';
import { axisList, axisVariable, formatCell } from '../matrix/cell.ts';
import { isBuiltHere } from '../matrix/image-arguments.ts';
import { pathWord } from '../runs/run-folder.ts';
import type { Settings } from '../settings/load-settings.ts';
import type { TestRequest } from '../settings/test-request.ts';
import { workspace } from '../settings/workspace.ts';
import { tmtCommand } from '../tmt/tmt-command.ts';
import { launchArguments } from '../vm/launch-arguments.ts';
import { ownerLabelStart, testLabel } from '../vm/reaper.ts';
import { unmatchedFilters } from './fmf-names.ts';
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
  /** Names of all plans. */
  readonly plans: readonly string[];
  /** The packages of a Debian image. */
  readonly packagesOf: ReadonlyMap<DebianImage, readonly string[]>;
  readonly bcvk: PlannedBcvk;
  readonly systemdRuns: boolean;
}

/** The commands of `xtask test-tmt`, made by the functions that a run uses. Pure. */
export function plannedCommands(input: PlanInput): PlannedCommand[] {
  const { request } = input;
  const selected = input.plans.filter(
    (name) => request.filters.length === 0 || request.filters.some((filter) => name.includes(filter)),
  );
  return [...imageCommands(input), ...selected.flatMap((plan) => planCommands(plan, input))];
}

/** Why a test run would not get as far as its commands; undefined when it would. Pure. */
export function whyNothingWouldRun({ settings, request, plans }: PlanInput): string | undefined {
  if (!isBuiltHere(settings.cell)) return `images/Containerfile makes no image for ${formatCell(settings.cell)}`;
  const unmatched = unmatchedFilters(request.filters, plans);
  return unmatched.length === 0 ? undefined : `no plan has ${unmatched.join(' or ')} in its name`;
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

function planCommands(plan: string, { request, bcvk }: PlanInput): PlannedCommand[] {
  const wishes = {
    name: `bootc-tmt-<suffix>-${pathWord(plan)}`,
    image: request.image,
    labels: [testLabel, 'bootc.run=<run>', ...(request.preserveVm ? [] : [`${ownerLabelStart}<owner>`])],
    bcvkOptions: request.bcvkOptions,
    bindStorage: false,
    snapshot: request.snapshot,
    logFolder: resolve(request.logDir ?? workspace.runs, '<run>', pathWord(formatCell(request.cell)), pathWord(plan)),
  };
  const ofCell = Object.fromEntries(axisList.map((axis) => [axisVariable(axis), request.cell[axis]]));
  const contexts = { ...request.contexts, running_env: 'image_mode', distro: '<distro>', VARIANT_ID: '<variant>' };
  const isBundled = bcvk.kind === 'bundled';
  const target = { port: '<port>' as unknown as number, keyFile: '<key>' };
  return [
    {
      stage: 'vm',
      title: `install and boot a VM for ${plan}`,
      // A run asks bcvk which of the options for logs and snapshots it has; of the bundled one it is known.
      argv: [...bcvk.argv, ...launchArguments(wishes, { logDir: true, consoleLog: isBundled, snapshot: isBundled })],
    },
    {
      stage: 'tests',
      title: `run ${plan} in it`,
      argv: tmtCommand({
        tmt: 'target/tools/venv/bin/tmt',
        contexts,
        environment: { ...ofCell, ...request.environment, BOOTC_plan_nonce: '<nonce>' },
        workFolder: '<work folder>',
        target,
        plan,
        tests: request.tests,
      }),
    },
  ];
}
