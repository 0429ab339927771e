import type { Options } from 'yargs';
import { type Axis, axes, axisList, axisValues, axisVariable } from '../matrix/cell.ts';
import { badSettings, type PlacedCell } from '../matrix/resolve.ts';
import type { SettingProblem } from '../matrix/variables.ts';

/** The options that set an axis; a new axis of the schema is a new option here, or does not compile. */
type AxisOptions = { readonly [A in Axis as (typeof axes)[A]['option']]: Options & { type: 'string' } };

/**
 * The options that choose the cell. Values are not checked by yargs but together with those of the environment, `.env`
 * and the profile, so that all that is wrong is shown at once.
 */
export const cellOptions = {
  ...(Object.fromEntries(
    axisList.map((axis) => [
      axes[axis].option,
      {
        type: 'string',
        requiresArg: true,
        group: 'Cell:',
        describe: `${axes[axis].description}; ${axisValues(axis).join(', ')} (${axisVariable(axis)})`,
      },
    ]),
  ) as unknown as AxisOptions),
  'composefs-backend': { type: 'boolean', group: 'Cell:', describe: 'same as --variant=composefs' },
  profile: {
    type: 'string',
    requiresArg: true,
    group: 'Cell:',
    describe: 'VM profile, a file of vm-profiles/ (BOOTC_profile)',
  },
} as const satisfies Readonly<Record<string, Options>>;

/** Values of the options above as yargs parsed them; one given twice is an array. */
export type CellArguments = Readonly<Record<string, unknown>>;

/**
 * What the command line says about the cell.
 *
 * @throws CodedError BAD_SETTING (exit code 2) for an option given twice, or two options that contradict each other.
 */
export function cellFromArguments(args: CellArguments): PlacedCell {
  const problems: SettingProblem[] = [];
  const cell: { [A in Axis]?: { value: string; from: string } } = {};
  for (const axis of axisList) {
    const from = `--${axes[axis].option}`;
    const value = args[axes[axis].option];
    if (Array.isArray(value)) problems.push({ where: from, what: `is given more than once: ${value.join(', ')}` });
    else if (typeof value === 'string') cell[axis] = { value, from };
  }
  if (args['composefs-backend'] === true) {
    if (cell.variant !== undefined && cell.variant.value !== 'composefs') {
      problems.push({ where: '--composefs-backend', what: `contradicts --variant=${cell.variant.value}` });
    }
    cell.variant ??= { value: 'composefs', from: '--composefs-backend' };
  }
  if (problems.length > 0) throw badSettings(problems);
  return cell;
}
