import { CodedError } from '@workbench/run';
import { type Axis, axes, axisList, type Cell, formatCell } from './cell.ts';
import { type CellRule, nearestValidCell } from './rules.ts';
import type { Sourced } from './variables.ts';

type Sources = { readonly [A in Axis]: Sourced<string> };

/**
 * The error for a cell that cannot exist: every broken rule with its reason, where the values come from, and the nearest
 * valid cell.
 */
export function impossibleCell(cell: Cell, broken: readonly CellRule[], sources: Sources): CodedError {
  const width = Math.max(...broken.map(({ id }) => id.length));
  const rows = broken.flatMap((rule) => [
    `  ${rule.id.padEnd(width)}  ${rule.needs} (${isNow(rule, sources)})`,
    becauseLine(rule, width),
  ]);
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

/** The error for axes that are set though the variant is ostree, by the rule that forbids them; even a default is too much. */
export function axesOfOstree(rule: CellRule, set: readonly Axis[], sources: Sources): CodedError {
  const rows = set.map((axis) => `  ${axes[axis].field} is set to ${sources[axis].value} (${sources[axis].from})`);
  const message = [
    `a cell of variant ostree (${sources.variant.from}) has no other axis`,
    `  ${rule.id}  ${rule.needs}`,
    becauseLine(rule, rule.id.length),
    ...rows,
  ].join('\n');
  return new CodedError('CELL_IMPOSSIBLE', message, {
    exitCode: 2,
    hint: `leave ${set.map((axis) => axes[axis].field).join(', ')} out, or use variant composefs`,
  });
}

function becauseLine({ because }: CellRule, width: number): string {
  return `  ${' '.repeat(width)}  because ${because}`;
}

function isNow(rule: CellRule, sources: Sources): string {
  return (Object.keys(rule.fix) as Axis[])
    .map((axis) => `${axes[axis].field} is ${sources[axis].value}: ${sources[axis].from}`)
    .join(', ');
}

/** The profile's place, when all that is set is set there. */
function commonProfilePlace(sources: Sources): string | undefined {
  const set = axisList.map((axis) => sources[axis]).filter(({ kind }) => kind !== 'default');
  const [first] = set;
  return first !== undefined && set.every(({ kind }) => kind === 'profile') ? first.from : undefined;
}
