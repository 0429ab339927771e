import { CodedError } from '@workbench/run';
import yargs, { type Argv } from 'yargs';
import { suggest } from '../matrix/suggest.ts';
import type { AnyVerb, VerbContext } from './verb.ts';
import { verbs } from './verbs.ts';

/**
 * Parses a command line, without the program's name, and runs its verb.
 *
 * @returns the exit status of the verb.
 * @throws CodedError BAD_COMMAND_LINE (exit code 2) for a verb, option or argument that does not exist, is missing, or is there twice.
 */
export async function runProgram(argv: readonly string[], context: VerbContext): Promise<number> {
  let status = 0;
  let verbStarted = false;
  let takesCommand = false;
  let options: readonly string[] = ['help'];
  const program = yargs()
    .scriptName('xtask')
    .usage(
      '$0 VERB [OPTIONS]\n\nBuilds bootc images, boots them in VMs, and tests them. `just` lists the common calls.',
    )
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'populate--': true,
    })
    .strict()
    .demandCommand(1, 'which verb? `xtask --help` lists them')
    .version(false)
    .help()
    .exitProcess(false)
    .fail(false)
    .wrap(Math.min(110, process.stdout.columns ?? 110));
  for (const entry of verbs) {
    program.command(
      entry.name,
      entry.describe,
      () => {},
      () => {},
    );
  }
  const entry = verbs.find(({ name }) => name === argv[0]);
  if (entry !== undefined) {
    const verb = await entry.load();
    takesCommand = verb.takesCommand === true;
    options = [...options, ...Object.keys(verb.options)];
    program.command(
      verb.synopsis === undefined ? entry.name : `${entry.name} ${verb.synopsis}`,
      entry.describe,
      (command) => declare(command, verb),
      async (args) => {
        refuseRepeated(verb, args);
        verbStarted = true;
        status = (await verb.run({ ...args, ...commandOf(verb, args) } as never, context)) ?? 0;
      },
    );
  }
  try {
    await program.parseAsync(takesCommand ? protectCommand(argv) : argv);
  } catch (error) {
    // yargs throws plain errors, so it is the time that tells its own from those of a verb.
    throw verbStarted || !(error instanceof Error) ? error : badCommandLine(error.message, options);
  }
  return status;
}

/** @throws Error for an option that takes one value and is given several, of which yargs makes an array. */
function refuseRepeated(verb: AnyVerb, args: Readonly<Record<string, unknown>>): void {
  for (const [name, { array }] of Object.entries(verb.options)) {
    const value = args[name];
    if (array !== true && Array.isArray(value))
      throw new Error(`--${name} is given more than once: ${value.join(', ')}`);
  }
}

/** Puts the end of options before the command that a verb is given, unless it is there. */
function protectCommand(argv: readonly string[]): string[] {
  const [verb = '', ...rest] = argv;
  const at = rest.findIndex((word) => word === '--' || !word.startsWith('-'));
  if (at === -1 || rest[at] === '--') return [verb, ...rest];
  return [verb, ...rest.slice(0, at), '--', ...rest.slice(at)];
}

/** The words behind `--` as the positional argument that they are. */
function commandOf(verb: AnyVerb, args: Readonly<Record<string, unknown>>): Record<string, string[]> {
  const words = args['--'];
  const [name] = Object.keys(verb.positionals);
  return Array.isArray(words) && name !== undefined && verb.takesCommand === true ? { [name]: words.map(String) } : {};
}

function declare(command: Argv, verb: AnyVerb): Argv {
  for (const [name, option] of Object.entries(verb.positionals)) command.positional(name, option as never);
  command.options(verb.options);
  for (const [line, purpose] of verb.examples ?? []) command.example(`xtask ${line}`, purpose);
  return command;
}

function badCommandLine(message: string, options: readonly string[]): CodedError {
  const unknown = /^Unknown (?:argument|command)s?: (.+)$/.exec(message)?.[1]?.split(', ') ?? [];
  const words = new Map([
    ...options.map((option) => [option, `--${option}`] as const),
    ...verbs.map(({ name }) => [name, name] as const),
  ]);
  const likely = unknown.flatMap((word) => words.get(suggest(word, words.keys()) ?? '') ?? []);
  const hint = likely.length > 0 ? `did you mean ${likely.join(', ')}?` : '`xtask VERB --help` shows what a verb takes';
  return new CodedError('BAD_COMMAND_LINE', message, { exitCode: 2, hint });
}
