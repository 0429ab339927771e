import { CodedError } from '@workbench/run';
import yargs, { type Argv } from 'yargs';

/**
 * A yargs that takes arguments as real bcvk does: an option it does not know, a missing or a repeated value is an error;
 * `--option=VALUE` and `--option VALUE` are the same; an option that may be repeated takes one value each time; what
 * follows `--` are words of a command.
 */
export function strictYargs(argv: readonly string[]): Argv {
  return yargs([...argv])
    .scriptName('bcvk')
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'populate--': true,
      'strip-aliased': true,
      'duplicate-arguments-array': true,
    })
    .strict()
    .exitProcess(false)
    .wrap(120)
    .help('help')
    .alias('help', 'h')
    .version(false)
    .fail((message, error) => {
      if (error instanceof Error && error.name !== 'YError') throw error;
      throw usageError(message ?? String(error));
    });
}

/** An error of the command line: exit code 2, as real bcvk has it. */
export function usageError(message: string): CodedError {
  return new CodedError('USAGE', message, { hint: "see '--help'", exitCode: 2 });
}

/** Parsed arguments by option name. */
export type Parsed = Record<string, unknown>;

/** A string option; undefined if it was not given. Given twice it is an error. */
export function stringOf(parsed: Parsed, name: string): string | undefined {
  const value = parsed[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw usageError(`--${name} can be given only once`);
  if (value === '') throw usageError(`--${name} needs a value`);
  return value;
}

/** A flag. Given twice it is an error. */
export function flagOf(parsed: Parsed, name: string): boolean {
  const value = parsed[name];
  if (Array.isArray(value)) throw usageError(`--${name} can be given only once`);
  return value === true;
}

/** The values of an option that may be repeated. */
export function listOf(parsed: Parsed, name: string): string[] {
  const value = parsed[name];
  const values = value === undefined ? [] : Array.isArray(value) ? value : [value];
  if (values.some((each) => typeof each !== 'string' || each === '')) throw usageError(`--${name} needs a value`);
  return values as string[];
}

/** A whole positive number; undefined if it was not given. */
export function numberOf(parsed: Parsed, name: string): number | undefined {
  const text = stringOf(parsed, name);
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw usageError(`--${name} needs a whole number, not '${text}'`);
  return Number(text);
}
