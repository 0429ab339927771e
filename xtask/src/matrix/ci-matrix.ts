import { axisList, axisVariable, type Cell, formatCell } from './cell.ts';
import { everyValidCell } from './rules.ts';

/** Plans that one CI job runs together on one image. */
export interface PlanGroup {
  readonly id: string;
  /** Filters as `run-tmt` takes them. */
  readonly plans: readonly string[];
  readonly description: string;
  readonly appliesTo: (cell: Cell) => boolean;
}

/** How CI divides the plans. A sealed image cannot be derived from without its keys, so it runs what needs none. */
export const planGroups: readonly PlanGroup[] = [
  {
    id: 'readonly',
    plans: ['readonly'],
    description: 'what a fresh system looks like; changes nothing',
    appliesTo: () => true,
  },
  {
    id: 'upgrade',
    plans: ['image-upgrade-reboot'],
    description: 'move to another image and boot it',
    appliesTo: () => true,
  },
  {
    id: 'integration',
    plans: ['integration'],
    description: 'every plan',
    appliesTo: (cell) => cell.sealState === 'unsealed',
  },
];

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

/** Every composefs cell with every group of plans that applies to it. */
export function ciMatrix(): { include: CiJob[] } {
  const cells = everyValidCell().filter((cell) => cell.variant === 'composefs');
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
