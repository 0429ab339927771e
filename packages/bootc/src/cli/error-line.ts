import { CodedError, CommandError } from '@workbench/run';

/**
 * An error as it is printed on standard error, with a newline: one line `error: ` and the chain of messages, the outermost
 * first; then a line of what to do, if that is known. What is neither an error of this program nor of the system is a
 * bug, and has its stack below. Colour only for a terminal.
 */
export function formatError(error: unknown, options: { isTerminal: boolean }): string {
  const label = options.isTerminal ? '\u001b[31merror:\u001b[0m' : 'error:';
  const lines = [`${label} ${messageChain(error).join(': ')}`];
  const hint = findHint(error);
  if (hint !== undefined) lines.push(`  help: ${hint.replaceAll(/\s*\n\s*/g, '; ')}`);
  if (isBug(error) && error instanceof Error) lines.push(error.stack ?? '');
  return `${lines.join('\n')}\n`;
}

/** The messages of an error and its causes; one that the message before already tells is left out. */
export function messageChain(error: unknown): string[] {
  const messages: string[] = [];
  for (let current: unknown = error; current !== undefined; current = causeOf(current)) {
    const message = oneLine(current);
    if (!messages.some((outer) => outer.includes(message))) messages.push(message);
  }
  return messages;
}

function causeOf(error: unknown): unknown {
  // The message of a failed command has all there is to tell of its cause.
  return error instanceof Error && !(error instanceof CommandError) ? error.cause : undefined;
}

function oneLine(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(oneLine).join('; ');
  const message = error instanceof Error ? error.message : String(error);
  const lines = message.split('\n').map((line) => line.trim());
  if (!(error instanceof CommandError)) return lines.filter((line) => line !== '').join('; ');
  // First what failed, then the command itself, then the last lines it printed.
  const output = lines.filter((line) => line.startsWith('| ')).map((line) => line.slice(2));
  return [lines[0], output.join('; ')].filter((part) => part !== '').join(': ');
}

function findHint(error: unknown): string | undefined {
  for (let current: unknown = error; current !== undefined; current = causeOf(current)) {
    if (current instanceof CodedError && current.hint !== undefined) return current.hint;
  }
  return undefined;
}

function isBug(error: unknown): boolean {
  const isSystemError = error instanceof Error && 'syscall' in error;
  return !(error instanceof CodedError) && !isSystemError;
}
