import type { ArgumentsCamelCase, Argv, CommandModule, InferredOptionTypes, Options, PositionalOptions } from 'yargs';

/** The arguments a handler gets: options and positionals by their names in camel case. */
type Arguments<O extends Record<string, Options>> = ArgumentsCamelCase<InferredOptionTypes<O>>;

/** One verb: its words, its options, and what it does. */
interface Definition<O extends Record<string, Options>> {
  /** The verb and its positionals, as in `delete-deployment <ID>`. */
  command: string | readonly string[];
  /** False hides the verb from the help. */
  describe: string | false;
  options: O;
  /** Descriptions of the positionals, each of which `options` types under the same name. */
  positionals?: Readonly<Record<string, PositionalOptions>>;
  handler(args: Arguments<O>): Promise<void>;
}

/**
 * Makes a verb for yargs. A handler imports what it needs when it runs, so that a verb costs nothing while another runs.
 */
export function defineCommand<const O extends Record<string, Options>>(definition: Definition<O>): CommandModule {
  return {
    command: definition.command,
    describe: definition.describe,
    builder: (yargs: Argv) => {
      const { positionals = {}, options } = definition;
      const named = Object.entries(options).filter(([name]) => !(name in positionals));
      const withOptions = yargs.options(Object.fromEntries(named));
      return Object.entries(positionals).reduce((built, [name, option]) => built.positional(name, option), withOptions);
    },
    handler: (args) => definition.handler(args as Arguments<O>),
  };
}

/** Makes a verb that only holds further ones. */
export function defineGroup(
  name: string | readonly string[],
  describe: string | false,
  commands: readonly CommandModule[],
): CommandModule {
  return {
    command: name,
    describe,
    builder: (yargs: Argv) => yargs.command([...commands] as never).demandCommand(1, 'a command is missing'),
    handler: () => undefined,
  };
}
