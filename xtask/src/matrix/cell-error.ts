import { CodedError } from '@workbench/run';
import { type Axis, axes, axisList, type Cell, formatCell } from './cell.ts';
import { type CellRule, nearestValidCell } from './rules.ts';
import type { Sourced } from './variables.ts';

/** The error for a cell that cannot exist: every broken rule, where the values come from, and the nearest valid cell. */
export function impossibleCell(
  cell: Cell,
  broken: readonly CellRule[],
  sources: { readonly [A in Axis]: Sourced<string> },
): CodedError {
  const width = Math.max(...broken.map(({ id }) => id.length));
  const rows = broken.map((rule) => `  ${rule.id.padEnd(width)}  ${rule.needs} (${isNow(rule, sources)})`);
  const place = commonProfilePlace(sources);
  const heading = `${place === undefined ? '' : `${place}  `}cell ${formatCell(cell)} cannot exist`;
  const nearest = nearestValidCell(cell);
  const changes = axisList
    .filter((axis) => nearest[axis] !== cell[axis])
    .map((axis) => `--${axes[axis].option}=${nearest[axis]}`);
  return new CodedError('CELL_IMPOSSIBLE', [heading, ...rows].join('\n'), {
    exitCode: 2,
    hint: `did you mean ${formatCell(nearest)}? (${changes.join(' ')})`,
  });
}

function isNow(rule: CellRule, sources: { readonly [A in Axis]: Sourced<string> }): string {
  return (Object.keys(rule.fix) as Axis[])
    .map((axis) => `${axes[axis].field} is ${sources[axis].value}: ${sources[axis].from}`)
    .join(', ');
}

/** The profile's place, when all that is set is set there. */
function commonProfilePlace(sources: { readonly [A in Axis]: Sourced<string> }): string | undefined {
  const set = axisList.map((axis) => sources[axis]).filter(({ kind }) => kind !== 'default');
  const [first] = set;
  return first !== undefined && set.every(({ kind }) => kind === 'profile') ? first.from : undefined;
}
