import { CodedError } from '@workbench/run';
import yargs from 'yargs';
import { containerCommand } from './commands/container.ts';
import { deploymentCommands } from './commands/deployments.ts';
import { imageCommand, runPodmanVerb } from './commands/image.ts';
import { installCommand } from './commands/install.ts';
import { internalsCommand } from './commands/internals.ts';
import { statusCommand } from './commands/status.ts';
import { rollbackCommand, switchCommand, upgradeCommand } from './commands/update.ts';
import { formatError } from './error-line.ts';
import { versionText } from './version-text.ts';

const usageStatus = 2;

/**
 * Runs the program with these arguments and returns its exit status: 0; 1 for an error, told in one line on standard
 * error; 2 for a command line that is wrong, told with the usage. Help and version go to standard output.
 */
export async function runProgram(args: readonly string[]): Promise<number> {
  const isTerminal = process.stderr.isTTY === true && process.env.NO_COLOR === undefined;
  try {
    if (args[0] === 'internals' && args[1] === 'cfs') {
      const { cfsMain } = await import('@workbench/composefs');
      return await cfsMain(args.slice(2), process.getuid?.() === 0 ? { defaultRepository: '/sysroot/composefs' } : {});
    }
    if (args[0] === 'image' && (await runPodmanVerb(args))) return 0;
    const parser = makeParser(args);
    try {
      await parser.parseAsync([...args]);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      const [usage] = (await parser.getHelp()).split('\n');
      process.stderr.write(
        `${formatError(error, { isTerminal })}\nUsage: ${usage}\n\nFor more information, try --help.\n`,
      );
      return usageStatus;
    }
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    process.stderr.write(formatError(error, { isTerminal }));
    return exitStatusOf(error);
  }
}

function makeParser(args: readonly string[]) {
  return yargs()
    .scriptName('bootc')
    .usage('$0 COMMAND\n\nDeploy and update operating systems from container images.')
    .parserConfiguration({
      'boolean-negation': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'populate--': true,
    })
    .command([
      statusCommand,
      upgradeCommand,
      switchCommand,
      rollbackCommand,
      ...deploymentCommands,
      installCommand,
      containerCommand,
      imageCommand,
      internalsCommand,
    ] as never)
    .demandCommand(1, 'a command is missing')
    .strict()
    .recommendCommands()
    .help()
    .version(args.includes('--version') ? versionText() : '')
    .wrap(process.stdout.isTTY ? Math.min(120, process.stdout.columns) : null)
    .exitProcess(false)
    .fail((message, error) => {
      // What a handler throws comes without a message of the parser.
      if (error !== undefined && message === null) throw error;
      const text = message.replaceAll(/\s*\n\s*/g, ' ');
      const told = text.startsWith('Did you mean') ? `unknown command in "bootc ${args.join(' ')}". ${text}` : text;
      throw new UsageError('USAGE', told, { exitCode: usageStatus });
    });
}

/** A command line that is wrong. */
class UsageError extends CodedError {}

function exitStatusOf(error: unknown): number {
  const exitCode = typeof error === 'object' && error !== null && 'exitCode' in error ? error.exitCode : undefined;
  return typeof exitCode === 'number' ? exitCode : 1;
}
