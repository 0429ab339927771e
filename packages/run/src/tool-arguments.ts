import { type ParseArgsConfig, parseArgs } from 'node:util';
import { CodedError } from './coded-error.ts';

/** One option of a tool, as parseArgs of node:util takes it, with what its help says of it. */
export type ToolOption = NonNullable<ParseArgsConfig['options']>[string] & { readonly describe: string };

/** What the help of a tool is made of. */
export interface ToolDescription<O extends Readonly<Record<string, ToolOption>>> {
  /** How it is called, as in `just bench [CASE…]`. */
  readonly usage: string;
  readonly about: string;
  readonly options: O;
  /** Set when it takes words beside its options. */
  readonly takesWords?: true;
}

/**
 * Reads the arguments of a tool that is too small for a parser of verbs. Each has `--help`.
 *
 * @returns undefined when help was asked for, which is then printed: the tool has nothing else to do.
 * @throws CodedError BAD_COMMAND_LINE (exit code 2) for what it does not know.
 */
export function readToolArguments<const O extends Readonly<Record<string, ToolOption>>>(
  tool: ToolDescription<O>,
  argv: readonly string[] = process.argv.slice(2),
) {
  if (argv.includes('--help')) {
    process.stdout.write(helpOf(tool));
    return undefined;
  }
  try {
    return parseArgs({ args: [...argv], options: tool.options, allowPositionals: tool.takesWords === true });
  } catch (cause) {
    const message = cause instanceof Error ? (cause.message.split('. ')[0] ?? '') : String(cause);
    throw new CodedError('BAD_COMMAND_LINE', message, {
      exitCode: 2,
      hint: `${tool.usage.split(' [')[0]} --help`,
      cause,
    });
  }
}

function helpOf({ usage, about, options }: ToolDescription<Readonly<Record<string, ToolOption>>>): string {
  const rows = [...Object.entries(options), ['help', { describe: 'show this' }] as const].map(
    ([name, { describe }]) => `  --${name.padEnd(10)} ${describe}`,
  );
  return [usage, '', about, '', 'Options:', ...rows, ''].join('\n');
}
