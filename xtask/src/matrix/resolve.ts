import { CodedError } from '@workbench/run';
import { type Axis, axes, axisList, axisValues, axisVariable, type Cell, defaultCell } from './cell.ts';
import { axesOfOstree, impossibleCell } from './cell-error.ts';
import { brokenRules, otherAxes, ruleOfOstree } from './rules.ts';
import { suggest } from './suggest.ts';
import {
  isOurVariable,
  isTestVariable,
  knownVariables,
  type SettingProblem,
  type Sourced,
  type SourceKind,
} from './variables.ts';

/** A set of `NAME=value`, as an environment or an `.env` file has it. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What one source says about the cell, each value with its place: an option, or a line and column of a file. */
export type PlacedCell = { readonly [A in Axis]?: { readonly value: string; readonly from: string } };

/** Everything that can say something about the settings, strongest first. */
export interface SettingSources {
  commandLine?: PlacedCell;
  environment?: Variables;
  dotenv?: Variables;
  profile?: PlacedCell;
}

/** The outcome: one cell that can exist, and where each of its values comes from. */
export interface ResolvedSettings {
  readonly cell: Cell;
  readonly sources: { readonly [A in Axis]: Sourced<string> };
  /** The other known `BOOTC_` variables that are set. */
  readonly variables: ReadonlyMap<string, Sourced<string>>;
  /** What the tests in the guest are given: `BOOTC_test_…`. */
  readonly testVariables: Readonly<Record<string, string>>;
}

/**
 * Decides the cell: command line before environment before `.env` before VM profile before default. Pure: it reads
 * nothing but its argument.
 *
 * @throws CodedError with exit code 2: BAD_SETTING with every unknown name and value, or CELL_IMPOSSIBLE with every
 * broken rule.
 */
export function resolveSettings(given: SettingSources): ResolvedSettings {
  const variables = mergeVariables(given);
  const problems: SettingProblem[] = [...variables.problems];
  const sources = Object.fromEntries(
    axisList.map((axis) => [axis, sourceOf(axis, given, variables.merged)]),
  ) as ResolvedSettings['sources'];
  for (const axis of axisList) problems.push(...valueProblems(axis, sources[axis]));
  if (problems.length > 0) throw badSettings(problems);

  // Each value was looked up in the list of its axis above.
  const cell = Object.fromEntries(axisList.map((axis) => [axis, sources[axis].value])) as unknown as Cell;
  if (cell.variant === 'ostree') refuseAxesOfOstree(sources);
  const broken = brokenRules(cell);
  if (broken.length > 0) throw impossibleCell(cell, broken, sources);

  const known = knownVariables();
  const ofAxes = new Set(axisList.map(axisVariable));
  return {
    cell,
    sources,
    variables: new Map([...variables.merged].filter(([name]) => known.has(name) && !ofAxes.has(name))),
    testVariables: Object.fromEntries(
      [...variables.merged].filter(([name]) => isTestVariable(name)).map(([name, { value }]) => [name, value]),
    ),
  };
}

function mergeVariables(given: SettingSources): { merged: Map<string, Sourced<string>>; problems: SettingProblem[] } {
  const merged = new Map<string, Sourced<string>>();
  const problems: SettingProblem[] = [];
  const known = knownVariables();
  const layers: [SourceKind, Variables | undefined, (name: string) => string][] = [
    ['.env', given.dotenv, (name) => `.env: ${name}`],
    ['environment', given.environment, (name) => name],
  ];
  for (const [kind, layer, place] of layers) {
    for (const [name, value] of Object.entries(layer ?? {})) {
      if (!isOurVariable(name) || value === undefined) continue;
      const where = place(name);
      if (!known.has(name) && !isTestVariable(name)) {
        problems.push({ where, what: 'no such variable', suggestion: suggest(name, known.keys()) });
      } else if (value === '' && !isTestVariable(name)) {
        problems.push({ where, what: 'is set but empty: unset it or give it a value' });
      } else {
        merged.set(name, { value, kind, from: where });
      }
    }
  }
  return { merged, problems };
}

function sourceOf(axis: Axis, given: SettingSources, variables: ReadonlyMap<string, Sourced<string>>): Sourced<string> {
  const option = given.commandLine?.[axis];
  if (option !== undefined) return { ...option, kind: 'command line' };
  const variable = variables.get(axisVariable(axis));
  if (variable !== undefined) return variable;
  const profile = given.profile?.[axis];
  if (profile !== undefined) return { ...profile, kind: 'profile' };
  return { value: defaultCell[axis], kind: 'default', from: 'default' };
}

function valueProblems(axis: Axis, { value, from }: Sourced<string>): SettingProblem[] {
  const values = axisValues(axis);
  if (values.includes(value)) return [];
  const what = `'${value}' is not a ${axes[axis].field}: it is one of ${values.join(', ')}`;
  return [{ where: from, what, suggestion: suggest(value, values) }];
}

function refuseAxesOfOstree(sources: ResolvedSettings['sources']): void {
  const set = otherAxes.filter((axis) => sources[axis].kind !== 'default');
  if (set.length > 0) throw axesOfOstree(ruleOfOstree, set, sources);
}

/** One error for all problems of the settings. */
export function badSettings(problems: readonly SettingProblem[]): CodedError {
  const [first] = problems;
  const line = ({ where, what }: SettingProblem): string => `${where}: ${what}`;
  const message =
    problems.length === 1 && first !== undefined
      ? line(first)
      : [`${problems.length} settings are wrong`, ...problems.map((problem) => `  ${line(problem)}`)].join('\n');
  const suggestions = problems.flatMap(({ suggestion }) => suggestion ?? []);
  return new CodedError('BAD_SETTING', message, {
    exitCode: 2,
    hint:
      suggestions.length > 0
        ? `did you mean ${suggestions.join(', ')}?`
        : '`xtask matrix --table` lists variables and values, `xtask VERB --help` what options take',
  });
}
