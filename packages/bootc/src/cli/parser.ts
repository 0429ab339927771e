import { CodedError } from '@workbench/run';
import yargs from 'yargs';
import { containerCommand } from './commands/container.ts';
import { deploymentCommands } from './commands/deployments.ts';
import { imageCommand } from './commands/image.ts';
import { installCommand } from './commands/install.ts';
import { internalsCommand } from './commands/internals.ts';
import { statusCommand } from './commands/status.ts';
import { rollbackCommand, switchCommand, upgradeCommand } from './commands/update.ts';
import { versionText } from './version-text.ts';

const usageStatus = 2;

/** What understands the command lines of bootc, and runs their verbs; for these arguments. */
export function makeParser(args: readonly string[]) {
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
export class UsageError extends CodedError {}
