import { parseArgs } from 'node:util';
import { refuseWrongSettings } from '../settings/load-settings.ts';
import { cellFromArguments, cellOptions } from './cell-options.ts';
import { verbs } from './verbs.ts';

/**
 * Refuses a cell that cannot exist before the command line is really parsed: reading the parser takes longer than that.
 * What this does not understand is left to the parser.
 *
 * @throws CodedError with exit code 2 for settings that are wrong.
 */
export async function refuseWrongCell(argv: readonly string[]): Promise<void> {
  const verb = verbs.find(({ name }) => name === argv[0]);
  if (verb?.takesCell !== true || argv.includes('--help')) return;
  const options = Object.fromEntries(
    Object.entries(cellOptions).map(([name, { type }]) => [name, { type, multiple: true }] as const),
  );
  const { values } = parseArgs({ args: argv.slice(1), options, strict: false, allowPositionals: true });
  const given = Object.entries(values).map(([name, value]) => [name, asParsed(value)] as const);
  const { profile, ...cell } = Object.fromEntries(given);
  if (profile !== undefined && typeof profile !== 'string') return;
  await refuseWrongSettings({ commandLine: cellFromArguments(cell), profile });
}

/** One value as yargs gives it; several as an array. */
function asParsed(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? value[0] : value;
}
