import type { Argv, CommandModule, InferredOptionTypes, Options } from 'yargs';
import { blockSetups, installBootloaders, rootFilesystems } from './configuration-schema.ts';
import { openProgressSink, progressVariable } from './machine-progress.ts';
import type { InstallOptions } from './options.ts';
import { createInstallUi } from './progress.ts';
import { parseRootSize } from './root-size.ts';
import { listenForStopSignals } from './stop-signals.ts';
import { installToDisk } from './to-disk.ts';

// yargs makes an array of an option that is given twice.
const repeated = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

const targetGroup = 'Disk:';
const sourceGroup = 'Image:';
const systemGroup = 'Installed system:';

const optionDefinitions = {
  wipe: { group: targetGroup, type: 'boolean', default: false, describe: 'Destroy what is on the disk' },
  'via-loopback': {
    group: targetGroup,
    type: 'boolean',
    default: false,
    describe: 'DEVICE is a regular file; implies --generic-image',
  },
  'block-setup': { group: targetGroup, choices: blockSetups, describe: 'Layout of the root partition' },
  filesystem: { group: targetGroup, choices: rootFilesystems, describe: 'Root file system' },
  'root-size': {
    group: targetGroup,
    type: 'string',
    requiresArg: true,
    describe: 'Size of the root partition: N[M|G|T], MiB where no unit is given',
    defaultDescription: 'rest of the disk',
  },
  'source-imgref': {
    group: sourceGroup,
    type: 'string',
    requiresArg: true,
    describe: 'Image to install, with transport: containers-storage:NAME, oci:DIR',
    defaultDescription: 'image of this container',
  },
  'target-imgref': {
    group: sourceGroup,
    type: 'string',
    requiresArg: true,
    describe: 'Image to update from later',
    defaultDescription: 'name of the source',
  },
  'target-transport': {
    group: sourceGroup,
    type: 'string',
    requiresArg: true,
    describe: 'Transport to update from later',
    defaultDescription: 'registry',
  },
  'enforce-container-sigpolicy': {
    group: sourceGroup,
    type: 'boolean',
    default: false,
    describe: 'Later updates must be signed as containers-policy.json(5) says',
  },
  'run-fetch-check': {
    group: sourceGroup,
    type: 'boolean',
    default: false,
    describe: 'Make sure that the image to update from can be fetched',
  },
  'bound-images': {
    group: sourceGroup,
    choices: ['stored', 'skip', 'pull'] as const,
    default: 'stored' as const,
    describe: 'How to get logically bound images',
  },
  'composefs-backend': { group: systemGroup, type: 'boolean', default: false, describe: 'Use the composefs backend' },
  'allow-missing-verity': {
    group: systemGroup,
    alias: 'allow-missing-fsverity',
    type: 'boolean',
    default: false,
    describe: 'Boot also where the file system has no fs-verity',
  },
  bootloader: {
    group: systemGroup,
    choices: installBootloaders,
    describe: 'Boot loader',
    defaultDescription: 'grub where the image has bootupd, else systemd',
  },
  'generic-image': {
    group: systemGroup,
    type: 'boolean',
    default: false,
    describe: "Touch nothing of this machine's firmware",
  },
  karg: { group: systemGroup, type: 'string', requiresArg: true, coerce: repeated, describe: 'Add kernel arguments' },
  'karg-delete': {
    group: systemGroup,
    type: 'string',
    requiresArg: true,
    coerce: repeated,
    describe: 'Leave out a kernel argument, KEY or KEY=VALUE',
  },
  'root-ssh-authorized-keys': {
    group: systemGroup,
    type: 'string',
    requiresArg: true,
    describe: "File with root's authorized keys",
  },
  'uki-addon': {
    group: systemGroup,
    type: 'string',
    requiresArg: true,
    coerce: repeated,
    describe: 'Install an addon of the unified kernel image',
  },
  'disable-selinux': { group: systemGroup, type: 'boolean', default: false, describe: 'Boot with selinux=0' },
  // Accepted, since scripts pass them, without a meaning here.
  stateroot: { type: 'string', requiresArg: true, hidden: true },
  'bootupd-skip-boot-uuid': { type: 'boolean', hidden: true },
  'skip-fetch-check': { type: 'boolean', hidden: true },
  'target-no-signature-verification': { type: 'boolean', hidden: true },
  'experimental-unified-storage': { type: 'boolean', hidden: true },
} as const satisfies Record<string, Options>;

type ToDiskArguments = InferredOptionTypes<typeof optionDefinitions> & { device: string };

const builder = (parser: Argv): Argv<ToDiskArguments> =>
  parser
    .positional('device', { type: 'string', demandOption: true, describe: 'Block device; all of it is used' })
    .options(optionDefinitions)
    .epilogue(
      `The environment variable ${progressVariable} names a file, pipe or virtio-serial port that gets the progress as JSON ` +
        'lines: {"step":"import","percent":42,"bytesDone":1000,"bytesTotal":9000}; the last step is done or failed.',
    ) as unknown as Argv<ToDiskArguments>;

/** The options of an installation from the parsed command line. */
export function installOptions(args: ToDiskArguments): InstallOptions {
  const given = <Name extends keyof InstallOptions>(name: Name, value: InstallOptions[Name] | undefined) =>
    value === undefined ? {} : ({ [name]: value } as Pick<InstallOptions, Name>);
  const rootSize = args['root-size'];
  return {
    device: args.device,
    wipe: args.wipe,
    viaLoopback: args['via-loopback'],
    ...given('blockSetup', args['block-setup']),
    ...given('filesystem', args.filesystem),
    ...given('rootSizeMiB', rootSize === undefined ? undefined : parseRootSize(rootSize)),
    ...given('sourceImgref', args['source-imgref']),
    ...given('targetTransport', args['target-transport']),
    ...given('targetImgref', args['target-imgref']),
    enforceContainerSigpolicy: args['enforce-container-sigpolicy'],
    runFetchCheck: args['run-fetch-check'],
    disableSelinux: args['disable-selinux'],
    kargs: args.karg ?? [],
    kargDeletes: args['karg-delete'] ?? [],
    ...given('rootSshAuthorizedKeys', args['root-ssh-authorized-keys']),
    genericImage: args['generic-image'],
    boundImages: args['bound-images'],
    ...given('bootloader', args.bootloader),
    composefsBackend: args['composefs-backend'],
    allowMissingVerity: args['allow-missing-verity'],
    ukiAddons: args['uki-addon'] ?? [],
  };
}

async function handle(args: ToDiskArguments): Promise<void> {
  using stop = listenForStopSignals();
  const warn = (line: string): void => void process.stderr.write(`warning: ${line}\n`);
  using sink = openProgressSink(process.env[progressVariable], warn);
  const ui = createInstallUi({
    writeOutput: (text) => process.stdout.write(text),
    writeError: (text) => process.stderr.write(text),
    isTerminal: process.stderr.isTTY === true,
    ...(sink === undefined ? {} : { writeRecord: sink.write }),
    now: () => performance.now(),
  });
  try {
    await installToDisk(installOptions(args), ui, stop.signal);
  } catch (error) {
    ui.end('failed');
    // A command that was stopped fails in its own words; the signal is what the person knows.
    throw stop.signal.aborted ? stop.signal.reason : error;
  }
}

/** `bootc install to-disk DEVICE`. */
export const toDiskCommand: CommandModule<object, ToDiskArguments> = {
  command: 'to-disk <device>',
  describe: 'Install to a whole disk',
  builder,
  handler: handle,
};
