import { defineCommand, defineGroup } from '../define-command.ts';
import { blockSetupNames, installBootloaderNames, rootFilesystemNames } from '../install-choices.ts';
import { choice, flag, value, values } from '../options.ts';

/** Options of every way to install. */
const commonOptions = {
  'source-imgref': value('Image to install, with its transport', { defaultDescription: 'the image this runs in' }),
  'target-transport': value('Transport to fetch updates with', { defaultDescription: 'registry' }),
  'target-imgref': value('Image to fetch updates of', { defaultDescription: 'the source' }),
  'enforce-container-sigpolicy': flag('Demand that the policy of the host verifies signatures of updates'),
  'target-no-signature-verification': flag('No effect', { hidden: true }),
  'run-fetch-check': flag('Try to fetch the target image'),
  'skip-fetch-check': flag('No effect', { hidden: true }),
  'experimental-unified-storage': flag('Pull through containers-storage', { hidden: true }),
  'disable-selinux': flag('Turn SELinux off in the installed system'),
  karg: values('Kernel argument to add'),
  'karg-delete': values('Kernel argument to leave out'),
  'root-ssh-authorized-keys': value('File of SSH keys that may log in as root'),
  'generic-image': flag('Install for any machine: all boot loaders, no firmware variables'),
  'bound-images': choice(['stored', 'skip', 'pull'], 'What to do with images the image is bound to', {
    defaultDescription: 'stored',
  }),
  stateroot: value('Name of the state root'),
  'bootupd-skip-boot-uuid': flag('Do not write the UUID of the boot file system'),
  bootloader: choice(installBootloaderNames, 'Boot loader', { defaultDescription: 'what the image is made for' }),
  'composefs-backend': flag('Install with composefs, the only backend of this program'),
  'allow-missing-verity': flag('Boot where fs-verity is missing, too', { alias: 'allow-missing-fsverity' }),
  'uki-addon': values('Addon of the unified kernel image to install'),
} as const;

const filesystemOptions = {
  'root-mount-spec': value('Source of the root file system on the kernel command line', {
    defaultDescription: 'its UUID',
  }),
  'boot-mount-spec': value('Source of /boot'),
  'acknowledge-destructive': flag('Do not wait before what is on the host is destroyed'),
  'skip-finalize': flag('Leave the file systems as they are at the end'),
} as const;

const replace = choice(['wipe', 'alongside'], 'Make room: empty the file system, or only /boot and the ESP');

/** `bootc install` */
export const installCommand = defineGroup('install', 'Install an image onto a disk', [
  defineCommand({
    command: 'to-disk <device>',
    describe: 'Install onto a whole disk',
    options: {
      wipe: flag('Destroy what is on the disk'),
      'block-setup': choice(blockSetupNames, 'Layout of the disk', { defaultDescription: 'direct' }),
      filesystem: choice(rootFilesystemNames, 'Root file system', { defaultDescription: 'what the image is made for' }),
      'root-size': value('Size of the root partition, in MiB or with M, G or T', {
        defaultDescription: 'rest of disk',
      }),
      'via-loopback': flag('The device is a regular file'),
      ...commonOptions,
    },
    positionals: { device: { type: 'string', demandOption: true, describe: 'Block device' } },
    handler: async (args) => {
      const { runInstallToDisk } = await import('../install-to-disk.ts');
      await runInstallToDisk({ ...args, device: String(args.device) });
    },
  }),
  defineCommand({
    command: 'to-filesystem <root>',
    describe: 'Install into a mounted file system',
    options: { replace, ...filesystemOptions, ...commonOptions },
    positionals: { root: { type: 'string', demandOption: true, describe: 'Mount point' } },
    handler: async (args) => {
      const { runInstallToFilesystem } = await import('../install-to-filesystem.ts');
      await runInstallToFilesystem({ ...args, root: String(args.root) });
    },
  }),
  defineCommand({
    command: 'to-existing-root [root]',
    describe: 'Install over the system that runs',
    options: {
      replace,
      cleanup: flag('Remove the old system at the first boot'),
      ...filesystemOptions,
      ...commonOptions,
    },
    positionals: { root: { type: 'string', default: '/target', describe: 'Its root' } },
    handler: async (args) => {
      const { runInstallToExistingRoot } = await import('../install-to-filesystem.ts');
      await runInstallToExistingRoot({ ...args, root: String(args.root) });
    },
  }),
  defineCommand({
    command: 'print-configuration',
    describe: 'Print the installation configuration of this image as JSON',
    options: { all: flag('With kernel arguments') },
    handler: async (args) => {
      const { printInstallConfiguration } = await import('../print-install-configuration.ts');
      await printInstallConfiguration({ withKernelArguments: args.all === true });
    },
  }),
  defineCommand({
    command: 'finalize <root>',
    describe: 'Bring a root to rest that was changed after the installation',
    options: {},
    positionals: { root: { type: 'string', demandOption: true, describe: 'Mount point' } },
    handler: async (args) => {
      const { finalizeInstallation } = await import('../../install/finalize.ts');
      await finalizeInstallation(String(args.root), (line) => void process.stderr.write(`warning: ${line}\n`));
    },
  }),
  ...['ensure-completion', 'reset'].map((command) =>
    defineCommand({
      command,
      describe: false,
      options: {},
      handler: async () => {
        const { CodedError } = await import('@workbench/run');
        throw new CodedError('OSTREE_REQUIRED', `install ${command} is for installations that ostree has made`, {
          hint: 'an installation with composefs needs no completion; bootc install to-existing-root makes a new one',
        });
      },
    }),
  ),
]);
