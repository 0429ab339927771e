import { axisList, axisVariable, type Cell, defaultCell, formatCell } from './cell.ts';
import { isBuiltHere } from './image-arguments.ts';
import { everyValidCell } from './rules.ts';

/** Plans that one CI job runs together on one image. */
export interface PlanGroup {
  readonly id: string;
  /** Filters as `run-tmt` takes them; none: every plan. */
  readonly plans: readonly string[];
  readonly description: string;
  readonly appliesTo: (cell: Cell) => boolean;
}

/** How CI divides the plans. Only the machine with the keys can seal an image, so sealed cells run what derives none in the VM. */
export const planGroups: readonly PlanGroup[] = [
  { id: 'all', plans: [], description: 'every plan', appliesTo: (cell) => !isSealedCell(cell) },
  {
    id: 'sealed',
    plans: ['readonly', 'image-upgrade-reboot', 'upgrade/rollback'],
    description: 'the plans that derive no image in the VM',
    appliesTo: isSealedCell,
  },
];

/** Which cells CI tests, by how much there is to be proved. */
export const ciTiers = {
  quick: {
    description: 'the default cell, and one of each other kind of boot',
    has: (cell: Cell) =>
      cell.filesystem === defaultCell.filesystem && !(cell.bootType === 'uki' && !isSealedCell(cell)),
  },
  full: { description: 'every cell', has: (_cell: Cell) => true },
} as const;

/** The name of a tier. */
export type CiTier = keyof typeof ciTiers;

/** The cells of a tier: of those whose image is built here. */
export function cellsOfTier(tier: CiTier): Cell[] {
  return everyValidCell().filter((cell) => isBuiltHere(cell) && ciTiers[tier].has(cell));
}

/** One job of the CI matrix, as `strategy.matrix.include` of a GitHub workflow takes it. */
export interface CiJob {
  readonly name: string;
  readonly cell: string;
  readonly group: string;
  /** Arguments for `just test-tmt`. */
  readonly plans: string;
  /** The cell as the environment sets it. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Every cell with every group of plans that applies to it. Default: the cells whose image is built here. */
export function ciMatrix(cells: readonly Cell[] = everyValidCell().filter(isBuiltHere)): { include: CiJob[] } {
  return {
    include: cells.flatMap((cell) =>
      planGroups
        .filter((group) => group.appliesTo(cell))
        .map((group) => ({
          name: `${formatCell(cell)} ${group.id}`,
          cell: formatCell(cell),
          group: group.id,
          plans: group.plans.join(' '),
          environment: Object.fromEntries(axisList.map((axis) => [axisVariable(axis), cell[axis]])),
        })),
    ),
  };
}

function isSealedCell(cell: Cell): boolean {
  return cell.sealState === 'sealed';
}
