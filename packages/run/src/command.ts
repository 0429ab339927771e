import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Options } from 'execa';
import { CodedError } from './coded-error.ts';
import { quoteCommand } from './shell-quote.ts';

/** How one external command is run. */
export interface RunOptions {
  /** What the command is for, in a few words; it opens the error message. */
  step: string;
  /** The command is killed after this time. Default: 10 minutes. */
  timeoutMs?: number;
  /** All output is appended here as it comes, each command under a `+ …` line. Its folder is made. */
  logFile?: string;
  /** Added to the environment of this process; an undefined value takes the variable out. */
  env?: Readonly<Record<string, string | undefined>>;
  cwd?: string;
  /** Aborting it stops the command: SIGTERM, and SIGKILL after `killAfterMs`. */
  signal?: AbortSignal;
  /** How long the command may clean up once it was told to stop. Default: five seconds. */
  killAfterMs?: number;
  /** Text or bytes for standard input, which is closed otherwise. */
  input?: string | Uint8Array;
  /** Exit codes that are an answer, not a failure. Default: only 0. */
  okExitCodes?: readonly number[];
  /** Words that must not be seen: in the echo, in the log, in an error they are replaced by `***`. */
  redact?: readonly string[];
  /** Called with each whole line of standard output and of standard error as it comes, without its newline. */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /**
   * `inherit` gives the command this process's own terminal: nothing is captured then; `inherit-output` only its standard
   * output, so that errors are captured still. Default: `capture`.
   */
  stdio?: 'capture' | 'inherit' | 'inherit-output';
  /** Open descriptors of this process that the command gets as 3, 4, …. */
  fds?: readonly number[];
  /** Called with the id of the process once it runs. */
  onStart?: (pid: number) => void;
  /** The signal that the kernel sends the command when this process ends, also when that is killed: PR_SET_PDEATHSIG(2const). */
  endsWithUs?: 'SIGTERM' | 'SIGKILL';
}

/** What a command that succeeded left behind. */
export interface RunResult {
  stdout: string;
  stderr: string;
  exitCode: number;
  durationMs: number;
}

/** How a command failed. */
export type CommandFailure = 'not-found' | 'timed-out' | 'aborted' | 'signal' | 'exit';

/** A command that did not do what it was asked. Its message holds the command as one can paste it, and its last lines. */
export class CommandError extends CodedError {
  readonly failure: CommandFailure;
  readonly commandExitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;

  constructor(
    message: string,
    details: {
      failure: CommandFailure;
      exitCode?: number | undefined;
      stdout?: string;
      stderr?: string;
      hint?: string;
      cause?: unknown;
    },
  ) {
    super(`COMMAND_${details.failure.toUpperCase().replace('-', '_')}`, message, {
      ...(details.hint === undefined ? {} : { hint: details.hint }),
      cause: details.cause,
    });
    this.name = 'CommandError';
    this.failure = details.failure;
    this.commandExitCode = details.exitCode;
    this.stdout = details.stdout ?? '';
    this.stderr = details.stderr ?? '';
  }
}

/** Has setpriv(1) become the command itself. */
const endWithParent = (signal: string) => ['setpriv', '--pdeathsig', signal.replace('SIG', ''), '--'];
/** What it says, with exit status 127, of a command that it could not become. */
const notBecome = /^setpriv: failed to execute .*: (?:No such file or directory|Permission denied)$/m;

const shownLines = 20;
const defaultTimeoutMs = 600_000;
const defaultKillAfterMs = 5000;

/**
 * Runs one external command: an argument vector, never a shell. This is the only place that starts processes to
 * completion, so that every one has a deadline, a log, a name, and an error that can be acted on.
 *
 * @throws CommandError when the program is not there, ran out of time, was aborted, was killed, or exited with a code
 * that is not in `okExitCodes`; each is worded differently.
 */
export async function run(argv: readonly [string, ...string[]], options: RunOptions): Promise<RunResult> {
  const [program] = argv;
  const redact = redactor(options.redact ?? []);
  const shown = redact(quoteCommand(argv));
  const log = options.logFile === undefined ? undefined : openLog(options.logFile);
  log?.write(`+ ${shown}\n`);
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const startedAt = performance.now();
  const capture = options.stdio !== 'inherit';
  const execaOptions: Options = {
    reject: false,
    timeout: timeoutMs,
    forceKillAfterDelay: options.killAfterMs ?? defaultKillAfterMs,
    stripFinalNewline: false,
    env: { ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.input === undefined ? {} : { input: options.input }),
    stdio: [
      options.input === undefined ? (capture ? 'ignore' : 'inherit') : 'pipe',
      options.stdio === undefined || options.stdio === 'capture' ? 'pipe' : 'inherit',
      capture ? 'pipe' : 'inherit',
      // The types of the library know no numbers here; it hands them to Node, which does.
      ...((options.fds ?? []) as never[]),
    ],
  };
  // Loaded here: it takes some 80 ms, and most programs that know this package's errors start without running a command.
  const { execa } = await import('execa');
  const starter = options.endsWithUs === undefined ? [] : endWithParent(options.endsWithUs);
  const [started = program, ...words] = [...starter, ...argv];
  const child = execa(started, words, execaOptions);
  if (child.pid !== undefined) options.onStart?.(child.pid);
  if (capture) {
    for (const stream of ['stdout', 'stderr'] as const) {
      const source = child[stream];
      if (source === null) continue;
      if (log !== undefined) source.on('data', (chunk: Buffer) => log.write(redact(chunk.toString())));
      if (options.onLine !== undefined) followLines(source, (line) => options.onLine?.(redact(line), stream));
    }
  }
  const outcome = await child;
  const durationMs = Math.round(performance.now() - startedAt);
  await log?.close();
  const stdout = typeof outcome.stdout === 'string' ? outcome.stdout : '';
  const stderr = typeof outcome.stderr === 'string' ? outcome.stderr : '';
  const exitCode = outcome.exitCode;
  if (!outcome.failed && exitCode === 0) return { stdout, stderr, exitCode: 0, durationMs };
  if (exitCode !== undefined && !outcome.timedOut && !outcome.isCanceled && options.okExitCodes?.includes(exitCode)) {
    return { stdout, stderr, exitCode, durationMs };
  }

  const lacking = outcome.code === 'ENOENT' ? started : program;
  const isMissing = starter.length > 0 && notBecome.test(stderr);
  const how = howItFailed(isMissing ? { ...outcome, code: 'ENOENT' } : outcome, lacking, timeoutMs);
  const tail = lastLines(redact(stderr === '' ? stdout : stderr), shownLines);
  const message = [`${options.step}: ${how.text}`, `  + ${shown}`, ...tail.map((line) => `  | ${line}`)].join('\n');
  throw new CommandError(message, {
    failure: how.failure,
    exitCode,
    stdout,
    stderr,
    ...hintFor(how.failure, lacking, options),
    cause: outcome instanceof Error ? outcome : undefined,
  });
}

interface Outcome {
  code?: string | undefined;
  timedOut: boolean;
  isCanceled: boolean;
  signal?: string | undefined;
  exitCode?: number | undefined;
}

function howItFailed(outcome: Outcome, program: string, timeoutMs: number): { failure: CommandFailure; text: string } {
  if (outcome.code === 'ENOENT') return { failure: 'not-found', text: `${program} was not found` };
  if (outcome.code === 'EACCES') return { failure: 'not-found', text: `${program} may not be executed` };
  if (outcome.timedOut) return { failure: 'timed-out', text: `${program} did not finish in ${timeoutMs / 1000} s` };
  if (outcome.isCanceled) return { failure: 'aborted', text: `${program} was stopped on request` };
  if (outcome.signal !== undefined) return { failure: 'signal', text: `${program} was killed by ${outcome.signal}` };
  return { failure: 'exit', text: `${program} exited with ${outcome.exitCode}` };
}

function hintFor(failure: CommandFailure, program: string, options: RunOptions): { hint?: string } {
  if (failure === 'not-found') return { hint: `install ${program}, or put it on PATH` };
  if (options.logFile !== undefined) return { hint: `its whole output is in ${options.logFile}` };
  return {};
}

function redactor(words: readonly string[]): (text: string) => string {
  const secrets = words.filter((word) => word !== '');
  return (text) => secrets.reduce((shown, secret) => shown.replaceAll(secret, '***'), text);
}

function openLog(path: string): { write(text: string): void; close(): Promise<void> } {
  mkdirSync(dirname(path), { recursive: true });
  const stream = createWriteStream(path, { flags: 'a' });
  return {
    write: (text) => void stream.write(text),
    close: () => new Promise((resolve) => stream.end(resolve)),
  };
}

function followLines(source: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  source.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  source.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}

/** The last lines of a text, without trailing blank ones. */
export function lastLines(text: string, count: number): string[] {
  const trimmed = text.trimEnd();
  return trimmed === '' ? [] : trimmed.split('\n').slice(-count);
}
