import type { CodedError } from '@workbench/run';
import type { Argv } from 'yargs';
import type { Context } from '../context/context.ts';
import { listBootcImages } from '../images/podman.ts';
import { showBytes } from '../sizes/sizes.ts';
import { addCacheCommands } from './cache-commands.ts';
import { addEphemeralCommands } from './ephemeral-command.ts';
import { addLibvirtCommands } from './libvirt-commands.ts';
import { flagOf, type Parsed, strictYargs, usageError } from './strict-yargs.ts';
import { renderTable } from './table.ts';
import { addToDiskCommand } from './to-disk-command.ts';

/** The version of real bcvk whose command line this follows. */
export const followedVersion = '0.18.0';

/** Verbs of real bcvk that need what is not here; they are refused by name. */
const absentVerbs = [
  'ephemeral run',
  'ephemeral ssh',
  'ephemeral ps',
  'ephemeral rm-all',
  'libvirt list-volumes',
  'libvirt upload',
  'libvirt to-base-disk',
];

/** Options of real bcvk that go with its way of running VMs, as containers that podman shows; they are refused by name. */
const absentOptions: Readonly<Record<string, readonly string[]>> = {
  'to-disk': [
    ...['--console', '--debug', '--virtio-serial-out', '--execute', '-K', '--ssh-keygen', '--output'],
    '--bootc-install-podman-arg',
  ],
  'ephemeral run-ssh': [
    ...['--console', '--debug', '--virtio-serial-out', '--execute', '-K', '--ssh-keygen', '--output'],
    ...['-t', '--tty', '-i', '--interactive', '-d', '--detach', '--rm', '-e', '--env', '--debug-entrypoint'],
    ...['--ro-bind', '--systemd-units', '--add-swap', '--mount-disk-file', '--ignition'],
  ],
};

/** A command that is ready to run; it gives the exit code, undefined for 0. */
export type Work = (context: Context) => Promise<number | undefined>;

/**
 * Reads a command line. Help and version are printed at once, and no work is left then.
 *
 * @throws CodedError with exit code 2 for what is not in the bundled subset of bcvk
 */
export async function readCommandLine(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  print: (text: string) => void,
): Promise<Work | undefined> {
  refuseAbsent(argv);
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    print(`bcvk ${followedVersion} (bundled subset)`);
    return undefined;
  }
  let work: Work | undefined;
  const choose = (chosen: Work) => {
    work = chosen;
  };
  const yargs = strictYargs(argv)
    .usage('$0 COMMAND\n\nBootable containers as virtual machines: the part of bcvk that works without KVM too.')
    .command('libvirt', 'VMs managed by libvirt', (verb) => addLibvirtCommands(verb, choose, env))
    .command('ephemeral', 'VMs that are gone when their command ends', (verb) =>
      addEphemeralCommands(verb, choose, env),
    )
    .command('images', 'Bootable container images', (verb) => addImageCommands(verb, choose))
    .command('cache', 'The cache of installed base disks', (verb) => addCacheCommands(verb, choose))
    .demandCommand(1, 'a command is needed');
  addToDiskCommand(yargs, choose, env);
  await yargs.parseAsync([...argv], {}, (_error, _parsed, output) => {
    if (output !== '') print(output);
  });
  return work;
}

function refuseAbsent(argv: readonly string[]): void {
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const words = own.filter((word) => !word.startsWith('-'));
  const isCalled = (verb: string): boolean => verb.split(' ').every((word, index) => words[index] === word);
  const verb = absentVerbs.find(isCalled);
  if (verb !== undefined) throw notInBundled(verb);
  for (const [called, options] of Object.entries(absentOptions).filter(([name]) => isCalled(name))) {
    const option = own.map((word) => word.replace(/=.*/s, '')).find((word) => options.includes(word));
    if (option !== undefined) throw notInBundled(`${called} ${option}`);
  }
}

function notInBundled(what: string): CodedError {
  return usageError(`'${what}' is not in the bundled bcvk: use the real one for it`);
}

function addImageCommands(yargs: Argv, choose: (work: Work) => void): Argv {
  return yargs
    .command(
      'list',
      'List bootable container images',
      (verb) => verb.option('json', { type: 'boolean', describe: 'Print JSON' }),
      (parsed: Parsed) =>
        choose(async (context) => {
          const images = await listBootcImages();
          if (flagOf(parsed, 'json')) {
            context.print(JSON.stringify(images, undefined, 2));
            return undefined;
          }
          const rows = images.map((image) => [
            image.Names?.[0] ?? '<none>',
            image.Id.slice(0, 12),
            image.CreatedAt?.slice(0, 16).replace('T', ' ') ?? '-',
            showBytes(image.Size),
          ]);
          context.print(renderTable(['NAME', 'IMAGE ID', 'CREATED', 'SIZE'], rows));
          return undefined;
        }),
    )
    .demandCommand(1, 'a command is needed after images');
}
