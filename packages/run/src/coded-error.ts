/** What an error may carry beside its code and its one line of what and where. */
export interface CodedErrorOptions {
  /** One line that says what to do about it. */
  hint?: string;
  /** Exit status of the program; 1 unless the command line itself was wrong (2). */
  exitCode?: number;
  cause?: unknown;
}

/**
 * A failure that the program understands: a stable code to search for, one line of what went wrong and where, and one
 * line of what to do. Whatever else is thrown is a bug and is shown with its stack.
 */
export class CodedError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly exitCode: number;

  constructor(code: string, message: string, options: CodedErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'CodedError';
    this.code = code;
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 1;
  }
}

/**
 * The text of an error for a person: message, with the code after its first line, then the hint. Of anything but a
 * CodedError the stack, since that is a bug. Plain text without colours; no newline at the end.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof CodedError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `error: unexpected failure, please report it\n${stack}`;
  }
  const [heading, ...rest] = error.message.split('\n');
  const lines = [`error: ${heading} [${error.code}]`, ...rest];
  if (error.hint !== undefined) lines.push(`  help: ${error.hint.replaceAll('\n', '\n        ')}`);
  return lines.join('\n');
}
