import { CodedError, CommandError } from '@workbench/run';

/**
 * What went wrong in bcvk, in its own words: the bundled one ends with `error: TEXT [CODE]` and `  help: HINT`. Anything
 * else is returned as it is.
 */
export function bcvkError(error: unknown): unknown {
  if (!(error instanceof CommandError) || error.failure !== 'exit') return error;
  const [, message, code] = /^error: (.+) \[([A-Z][A-Z_]+)\]$/m.exec(error.stderr) ?? [];
  if (message === undefined || code === undefined) return error;
  const [, hint] = /^ {2}help: (.+)$/m.exec(error.stderr) ?? [];
  return new CodedError(code, message, { cause: error, ...(hint === undefined ? {} : { hint }) });
}
