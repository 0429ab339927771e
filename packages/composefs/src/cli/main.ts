import { CodedError, describeError } from '@workbench/run';
import yargs, { type Argv } from 'yargs';
import { isSystemError } from '../syscalls/libc.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { addDirectoryVerbs } from './directory-commands.ts';
import { addImageVerbs } from './image-commands.ts';
import { addRepositoryVerbs } from './repository-commands.ts';
import { globalOptions, type ParsedGlobals } from './verb-options.ts';

/** Where a command line of `cfs` runs. */
export interface CliOptions {
  /** Used when no option names a repository. */
  defaultRepository?: string;
  /** Takes what would go to standard output. */
  write?: (text: string) => void;
  /** Takes what is no text. */
  writeBytes?: (bytes: Uint8Array) => void;
  /** Takes messages, which would go to standard error. */
  writeError?: (text: string) => void;
  /** Read instead of standard input. */
  input?: AsyncIterable<Buffer>;
}

/** Programs with a command line of their own; a link of that name to `cfs` is the same. */
const otherPrograms = {
  mkcomposefs: async () => (await import('./mkcomposefs.ts')).runMkcomposefs,
  'composefs-info': async () => (await import('./composefs-info.ts')).runComposefsInfo,
} as const;

/**
 * The command line `cfs`: the verbs of cfsctl that are about repositories, images and OCI images, with the same options
 * and result lines. As `cfs mkcomposefs …` and `cfs composefs-info …` it is these programs.
 *
 * @param argv the arguments after the program's name.
 * @returns the exit status: 0, 1 if it failed or a check found damage, 2 if the command line is wrong.
 */
export async function cfsMain(argv: string[], options: CliOptions = {}): Promise<number> {
  if (options.write === undefined) endWhenUnread();
  const write = options.write ?? ((text: string) => void process.stdout.write(text));
  const writeError = options.writeError ?? ((text) => void process.stderr.write(text));
  let status = 0;
  const makeContext = (globals: GlobalOptions): CliContext => ({
    options: globals,
    defaultRepository: options.defaultRepository,
    print: (text) => write(`${text}\n`),
    write: async (bytes) => (options.writeBytes === undefined ? writeOut(bytes) : options.writeBytes(bytes)),
    warn: (text) => writeError(`${text}\n`),
    get input() {
      return options.input ?? process.stdin;
    },
    fail: () => {
      status = 1;
    },
  });
  try {
    const [first = '', ...rest] = argv;
    const other = await Object.entries(otherPrograms).find(([name]) => name === first)?.[1]();
    const parser = yargs(other === undefined ? argv : rest)
      // Options such as --no-repo are their own, not the opposite of others.
      .parserConfiguration({ 'boolean-negation': false, 'camel-case-expansion': false })
      .strict()
      .check(refuseRepetition)
      .version(false)
      .help()
      .alias('h', 'help')
      .exitProcess(false)
      .fail((message, error) => {
        // What the parser itself finds, it throws or only tells.
        if (error !== undefined && error.name !== 'YError') throw error;
        throw new CodedError('USAGE', error?.message ?? message, { hint: 'see: cfs --help', exitCode: 2 });
      });
    const whole = other === undefined ? addVerbs(parser, makeContext) : other(parser, makeContext({}));
    await whole.parseAsync(other === undefined ? argv : rest, {}, (_error, _args, output) => {
      if (output !== '') makeContext({}).print(output);
    });
  } catch (caught) {
    const error = asCodedError(caught);
    writeError(`${describeError(error)}\n`);
    return error instanceof CodedError ? error.exitCode : 1;
  }
  return status;
}

// What the system refuses (no such file, no space) is no bug of the program.
function asCodedError(error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return error;
  return new CodedError(String(error.code), error.message, { cause: error });
}

function addVerbs(parser: Argv, context: (globals: ParsedGlobals) => CliContext): Argv {
  const globals = parser
    .scriptName('cfs')
    .usage('$0 VERB\n\nImages of operating systems in a repository of objects named by their fs-verity digest.')
    .options(globalOptions);
  return addDirectoryVerbs(addRepositoryVerbs(globals, context), context)
    .command('oci', 'Images in the OCI format', (y) => addImageVerbs(y, context).demandCommand(1, 'name a verb of oci'))
    .demandCommand(1, 'name a verb') as Argv;
}

/** Options and arguments that may be given several times. */
const repeatable = new Set(['_', 'root', 'r', 'repair', 'filter', 'files', 'images']);

function refuseRepetition(args: Record<string, unknown>): true {
  const repeated = Object.keys(args).find((name) => Array.isArray(args[name]) && !repeatable.has(name));
  if (repeated === undefined) return true;
  throw new CodedError('USAGE', `--${repeated} is given twice`, { hint: 'give it once', exitCode: 2 });
}

// Whoever reads may have enough before the end, as in `cfs oci dump IMAGE | head`.
function endWhenUnread(): void {
  process.stdout.on('error', (error) => {
    if (!isSystemError(error, 'EPIPE')) throw error;
    process.exit(1);
  });
}

// A pipe takes only so much at a time, and an archive is large.
function writeOut(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
