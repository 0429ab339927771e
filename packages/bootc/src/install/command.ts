import { CodedError } from '@workbench/run';
import type { Argv, CommandModule } from 'yargs';
import { configurationArchitecture } from '../boot/architecture.ts';
import { formatInstallConfiguration, loadInstallConfiguration } from './configuration.ts';
import { toDiskCommand } from './to-disk-command.ts';

const printConfigurationCommand: CommandModule<object, { all: boolean }> = {
  command: 'print-configuration',
  describe: 'Print the merged installation configuration as JSON',
  builder: (parser) =>
    parser.options({
      all: {
        type: 'boolean',
        default: false,
        describe: 'With kernel arguments, which other installers apply on their own',
      },
    }),
  handler: async ({ all }) => {
    const { configuration, warnings } = await loadInstallConfiguration('/', configurationArchitecture());
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    process.stdout.write(formatInstallConfiguration(configuration, { withKernelArguments: all }));
  },
};

function unsupportedCommand(name: string, describe: string, why: string, hint: string): CommandModule {
  return {
    command: name,
    describe,
    builder: (parser) => parser.strict(false).version(false),
    handler: () => {
      throw new CodedError('INSTALL_UNSUPPORTED', `bootc install ${name.split(' ')[0]} ${why}`, { hint });
    },
  };
}

const otherCommands = [
  unsupportedCommand(
    'to-filesystem [root]',
    'Install to mounted file systems',
    'is not supported yet',
    'use bootc install to-disk; with --via-loopback it also installs into a file',
  ),
  unsupportedCommand(
    'to-existing-root [root]',
    'Install beside the running system',
    'is not supported yet',
    'use bootc install to-disk with another disk',
  ),
  ...['finalize [root]', 'ensure-completion', 'reset'].map((name) =>
    unsupportedCommand(
      name,
      'Of the ostree backend only',
      'belongs to the ostree backend',
      'composefs needs no such step',
    ),
  ),
];

/** `bootc install …`. */
export const installCommand: CommandModule = {
  command: 'install <command>',
  describe: 'Install an image',
  builder: (parser: Argv) =>
    [printConfigurationCommand as CommandModule, ...otherCommands]
      .reduce((all, command) => all.command(command), parser.command(toDiskCommand))
      .demandCommand(1, 'what to install to is missing, as in: bootc install to-disk DEVICE'),
  handler: () => {},
};
