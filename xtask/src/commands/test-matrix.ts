import { join, relative } from 'node:path';
import { CodedError, describeError } from '@workbench/run';
import { axisList, type Cell, formatCell } from '../matrix/cell.ts';
import { isBuiltHere } from '../matrix/image-arguments.ts';
import type { PlacedCell } from '../matrix/resolve.ts';
import { everyValidCell } from '../matrix/rules.ts';
import { workspace, workspaceRoot } from '../settings/workspace.ts';
import { reportSteps } from '../steps/report-steps.ts';
import type { MatrixResult } from '../test-matrix/matrix-state.ts';
import { printJson, printLines } from './print.ts';
import { testOptions, wishesOf } from './test-options.ts';
import { defineVerb } from './verb.ts';

/** What every cell is to pass: it is installed, looked at, upgraded, and rolled back. */
const defaultPlans = ['readonly', 'image-upgrade-reboot', 'upgrade/rollback'];

export const testMatrix = defineVerb({
  synopsis: '[filter..]',
  positionals: {
    filter: {
      type: 'string',
      array: true,
      describe: `plans whose name contains one of these; default: ${defaultPlans.join(', ')}`,
    },
  },
  options: {
    cells: { type: 'string', requiresArg: true, describe: 'only cells whose name contains this: xfs, uki/sealed' },
    'last-failed': {
      type: 'boolean',
      conflicts: 'fresh',
      describe: 'only what failed in the last matrix, of these plans and cells',
    },
    fresh: { type: 'boolean', describe: 'begin anew, also when the last matrix was stopped half-way' },
    'dry-run': { type: 'boolean', describe: 'only show what would be run' },
    json: { type: 'boolean', describe: 'print the state of the matrix as JSON' },
    parallel: testOptions.parallel,
  },
  examples: [
    ['test-matrix', 'each cell that can exist; goes on where it was stopped'],
    ['test-matrix readonly --cells=xfs', 'one plan in some cells'],
  ],
  run: async (args, { signal }) => {
    const { isChosen, listNames } = await import('../tmt/fmf-nodes.ts');
    const { requirePlans } = await import('../tmt/plans.ts');
    const {
      continueMatrix,
      failedPairs,
      hasPassed,
      listCommits,
      matrixResult,
      newestCommit,
      pendingPairs,
      putResult,
      readMatrixState,
      repeatFailures,
      resultsOfOtherCommits,
      takeMatrix,
    } = await import('../test-matrix/matrix-state.ts');
    const { describeCheckout } = await import('../test-matrix/checkout-commit.ts');
    const { keepMatrix, stateFileName } = await import('../test-matrix/keep-matrix.ts');
    const { matrixTable } = await import('../test-matrix/matrix-table.ts');
    const names = await listNames('plan', '.');
    const filters = args.filter?.length ? args.filter : defaultPlans;
    requirePlans(filters, names);
    const plans = names.filter((name) => isChosen(name, filters, names));
    const chosen = new Map(cellsContaining(args.cells ?? '').map((cell) => [formatCell(cell), cell]));

    // What is wrong for every cell is to be said before the first one is built, and is no result of theirs.
    for (const cell of chosen.values()) await requestOf(cell, { image: '', plans, parallel: args.parallel });

    const folder = join(workspace.target, 'matrix');
    const wanted = { cells: [...chosen.keys()], plans };
    const last = readMatrixState(join(folder, stateFileName));
    const begin = () => {
      const state = continueMatrix(last, wanted, { fresh: args.fresh ?? false, now: new Date() });
      return { state, pending: pendingPairs(state) };
    };
    const { state, pending } = args['last-failed']
      ? repeatFailures(last, {
          ...(args.cells === undefined ? {} : { cells: wanted.cells }),
          ...(args.filter?.length ? { plans } : {}),
        })
      : begin();
    if (args['dry-run'] || (args['last-failed'] && pending.length === 0)) {
      printLines([...pending.map(({ cell, plan }) => `${cell}  ${plan}`), matrixTable(state)]);
      return args['dry-run'] || hasPassed(state) ? 0 : 1;
    }
    const commitNow = await describeCheckout(workspaceRoot, signal);
    const kept = resultsOfOtherCommits(state, commitNow);
    if (kept.length > 0) {
      process.stderr.write(
        `${kept.length} results of this matrix are of ${listCommits(kept)}, and what runs now is of ${commitNow}: --fresh runs all again\n`,
      );
    }
    takeMatrix(state, last);
    keepMatrix(folder, state);
    const everyCell = new Map(everyValidCell().map((cell) => [formatCell(cell), cell]));
    // Of the cell that is being run.
    const done = new Set<string>();
    let code: Pick<MatrixResult, 'commit' | 'imageDigest'> = {};
    const keep = (result: MatrixResult): void => {
      putResult(state, { ...result, ...code });
      done.add(result.plan);
      keepMatrix(folder, state);
    };
    for (const cell of new Set(pending.map((pair) => pair.cell))) {
      const of = everyCell.get(cell);
      if (of === undefined) continue;
      const open = pending.filter((pair) => pair.cell === cell);
      done.clear();
      const commit = await describeCheckout(workspaceRoot, signal);
      code = commit === undefined ? {} : { commit };
      try {
        await reportSteps(() =>
          runCell(of, {
            plans: open.map(({ plan }) => plan),
            parallel: args.parallel,
            signal,
            onBuilt: (imageDigest) => {
              code = { ...code, imageDigest };
            },
            onResult: (report) => keep(matrixResult(cell, report)),
            onLeftOut: (plan, why) => keep({ cell, plan, outcome: 'left out', detail: why, phases: [] }),
          }),
        );
      } catch (error) {
        if (signal.aborted) throw error;
        // The other cells do not suffer from it: what this one lacks, it failed for this reason.
        process.stderr.write(`${describeError(error)}\n`);
        const notRun = open.filter(({ plan }) => !done.has(plan));
        for (const result of failedPairs(notRun, error)) keep(result);
      }
    }
    if (pendingPairs(state).length === 0) keepMatrix(folder, { ...state, finishedAt: new Date().toISOString() });
    if (args.json) {
      const newest = newestCommit(state);
      const others = resultsOfOtherCommits(state, newest).map(({ cell, plan, commit }) => ({ cell, plan, commit }));
      printJson({ ...state, ...(others.length > 0 ? { newestCommit: newest, ofOtherCommits: others } : {}) });
    } else printLines([matrixTable(state), `report: ${relative('.', join(folder, 'report.html'))}`]);
    return hasPassed(state) ? 0 : 1;
  },
});

interface CellRun {
  plans: readonly string[];
  parallel: string | undefined;
  signal: AbortSignal;
  onBuilt: (imageDigest: string) => void;
  onResult: (report: import('../report/plan-report.ts').PlanReport) => void;
  onLeftOut: (plan: string, why: string) => void;
}

/** The settings of a cell, whatever else says something about the cell, and what is asked for in it. */
async function requestOf(cell: Cell, of: { image: string; plans: readonly string[]; parallel: string | undefined }) {
  const { loadSettings } = await import('../settings/load-settings.ts');
  const { testRequest } = await import('../settings/test-request.ts');
  const axes = cell.variant === 'ostree' ? (['variant'] as const) : axisList;
  const commandLine = Object.fromEntries(
    axes.map((axis) => [axis, { value: cell[axis], from: 'the matrix' }]),
  ) as PlacedCell;
  const settings = await loadSettings({ commandLine });
  return { settings, request: testRequest(settings, wishesOf(of.image, of.plans, { parallel: of.parallel })) };
}

/** Builds the image of one cell and runs plans in it. */
async function runCell(cell: Cell, run: CellRun): Promise<void> {
  const { requireSecureBootKeys } = await import('../settings/test-request.ts');
  const { bootcImage, buildImages, buildUpgradeImages, needsUpgradeImages } = await import('../image/build.ts');
  const { imageOptions } = await import('./image-options.ts');
  const { runTmt } = await import('../tmt/run-tmt.ts');
  const { settings, request } = await requestOf(cell, { image: bootcImage, ...run });
  await requireSecureBootKeys(settings.cell);
  const build = { ...imageOptions(settings), signal: run.signal };
  const { digest } = await buildImages(build);
  run.onBuilt(digest);
  await runTmt({
    ...request,
    imageDigest: digest,
    buildUpgradeImage: needsUpgradeImages(cell) ? () => buildUpgradeImages(build) : undefined,
    signal: run.signal,
    print: (text) => process.stderr.write(`${text}\n`),
    onPlan: run.onResult,
    onLeftOut: run.onLeftOut,
  });
}

function cellsContaining(word: string): Cell[] {
  const cells = everyValidCell().filter((cell) => isBuiltHere(cell) && formatCell(cell).includes(word));
  if (cells.length > 0) return cells;
  throw new CodedError('CELL_UNKNOWN', `no cell that is built here has '${word}' in its name`, {
    exitCode: 2,
    hint: '`xtask matrix` lists the cells',
  });
}
