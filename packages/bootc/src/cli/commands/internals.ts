import { defineCommand, defineGroup } from '../define-command.ts';
import { choice, flag, value } from '../options.ts';
import { requireBootedHost } from '../require-booted-host.ts';

/** `bootc internals`, for tests and for systemd units. `cfs` is not here: all that follows it is cfs's own. */
export const internalsCommand = defineGroup('internals', false, [
  defineCommand({
    command: 'composefs-gc',
    describe: 'Remove everything that no boot entry leads to',
    options: {
      'dry-run': flag('Only tell what would be removed'),
      'assert-no-op': flag('Fail if anything would be removed; implies --dry-run'),
      'prune-repo': flag('Also state folders, images and objects, not only files on the boot partition'),
    },
    handler: async (args) => {
      await requireBootedHost();
      const { runGarbageCollection } = await import('../../gc/run.ts');
      await runGarbageCollection({
        isDryRun: args.dryRun === true,
        mustBeNoOp: args.assertNoOp === true,
        withRepository: args.pruneRepo === true,
      });
    },
  }),
  defineCommand({
    command: 'fsck',
    describe: 'Check boot entries, deployments and the repository',
    options: {},
    handler: async () => {
      await requireBootedHost();
      const { runFsck } = await import('../../operations/fsck.ts');
      process.exitCode = await runFsck();
    },
  }),
  defineCommand({
    command: 'repair',
    describe: 'Tell how operations that were cut short can be finished or undone',
    options: { apply: flag('Do it') },
    handler: async (args) => {
      await requireBootedHost();
      const { runRepair } = await import('../../operations/repair.ts');
      await runRepair({ isApplied: args.apply === true });
    },
  }),
  defineCommand({
    command: 'migrate',
    describe: 'Bring a system that an older bootc has installed up to date',
    options: {},
    handler: async () => {
      await requireBootedHost();
      const { runMigration } = await import('../../operations/repair.ts');
      process.exitCode = await runMigration();
    },
  }),
  defineCommand({
    command: 'print-json-schema',
    describe: 'Print the JSON schema of status --json (host), or of a line of --progress-fd (progress)',
    options: { of: choice(['host', 'progress'], 'What is described', { demandOption: true }) },
    handler: async (args) => {
      const { formatJsonSchema } = await import('../../operations/json-schema.ts');
      process.stdout.write(formatJsonSchema(args.of!));
    },
  }),
  defineCommand({
    command: 'cleanup',
    describe: 'Remove the system that was there before an installation with --cleanup',
    options: {},
    handler: async () => {
      await requireBootedHost();
      const { runRemoveOldSystem } = await import('../../operations/remove-old-system.ts');
      await runRemoveOldSystem();
    },
  }),
  defineGroup('uki', 'Unified kernel images', [
    defineCommand({
      command: 'extract <uki> <output>',
      describe: 'Unpack kernel and initramfs to OUTPUT/VERSION/',
      options: {},
      positionals: {
        uki: { type: 'string', demandOption: true, describe: 'Unified kernel image' },
        output: { type: 'string', demandOption: true, describe: 'Folder' },
      },
      handler: async (args) => {
        const { extractUnifiedKernel } = await import('../../uki/extract.ts');
        await extractUnifiedKernel(String(args.uki), String(args.output));
      },
    }),
  ]),
  defineCommand({
    command: 'prep-soft-reboot [deployment]',
    describe: 'Mount the root of a deployment for systemd to switch to at the next soft reboot',
    options: { reboot: flag('Soft-reboot into it at once'), reset: flag('Take it back', { conflicts: ['reboot'] }) },
    positionals: { deployment: { type: 'string', describe: 'Deployment' } },
    handler: async (args) => {
      await requireBootedHost();
      const { runPrepareSoftReboot } = await import('../../operations/prepare-soft-reboot.ts');
      await runPrepareSoftReboot({
        deploymentId: args.deployment as string | undefined,
        reboot: args.reboot === true,
        reset: args.reset === true,
      });
    },
  }),
  defineCommand({
    command: 'dir-diff <pristine> <current> <next>',
    describe: 'Compare two folders, and bring what was changed in the second into a third',
    options: { merge: flag('Really bring it there') },
    positionals: {
      pristine: { type: 'string', demandOption: true, describe: 'As it was' },
      current: { type: 'string', demandOption: true, describe: 'As it has become' },
      next: { type: 'string', demandOption: true, describe: 'What gets the changes' },
    },
    handler: async (args) => {
      const { runDirectoryDiff } = await import('../../operations/config-diff.ts');
      const folders = { pristine: String(args.pristine), current: String(args.current), next: String(args.next) };
      await runDirectoryDiff(folders, { merge: args.merge === true });
    },
  }),
  defineCommand({
    command: 'sysusers-sync',
    describe: 'Remove secrets of users and groups that there are not any more',
    options: {},
    handler: async () => {
      const { runSyncSysusers } = await import('../../operations/sysusers-sync.ts');
      await runSyncSysusers();
    },
  }),
  defineCommand({
    command: 'relabel <path>',
    describe: 'Give everything at a path its SELinux label',
    options: { 'as-path': value('Path that the labels are looked up for') },
    positionals: { path: { type: 'string', demandOption: true, describe: 'File or folder' } },
    handler: async (args) => {
      const { relabel } = await import('../../operations/relabel.ts');
      await relabel(String(args.path), { asPath: args.asPath });
    },
  }),
  defineCommand({
    command: 'relabel-overlay-mountpoints',
    describe: 'Give overlays in memory their SELinux label',
    options: {},
    handler: async () => {
      const { relabelOverlayMountPoints } = await import('../../operations/relabel.ts');
      await relabelOverlayMountPoints();
    },
  }),
  defineCommand({
    command: 'systemd-generator <normal> [early] [late]',
    describe: 'Add the units of this program to a boot',
    options: {},
    positionals: {
      normal: { type: 'string', demandOption: true, describe: 'Folder of generated units' },
      early: { type: 'string', describe: 'Not used' },
      late: { type: 'string', describe: 'Not used' },
    },
    handler: async (args) => {
      const { generateUnits } = await import('../../boot/generate-units.ts');
      await generateUnits('/', String(args.normal));
    },
  }),
  defineGroup('fsverity', 'fs-verity with SHA-256', [
    defineCommand({
      command: 'measure <path>',
      describe: 'Print the digest of a sealed file',
      options: {},
      positionals: { path: { type: 'string', demandOption: true, describe: 'File' } },
      handler: async (args) => {
        const { printVerity } = await import('../../operations/fsverity.ts');
        await printVerity(String(args.path));
      },
    }),
    defineCommand({
      command: 'enable <path>',
      describe: 'Seal a file for ever',
      options: {},
      positionals: { path: { type: 'string', demandOption: true, describe: 'File' } },
      handler: async (args) => {
        const { enableVerity } = await import('../../operations/fsverity.ts');
        await enableVerity(String(args.path));
      },
    }),
  ]),
  defineGroup('blockdev', 'Show block devices', [
    defineCommand({
      command: 'ls <device>',
      describe: 'A device and what is on it',
      options: {},
      positionals: { device: { type: 'string', demandOption: true, describe: 'Block device' } },
      handler: async (args) => {
        const { printBlockDevice } = await import('../../storage/print-block-device.ts');
        await printBlockDevice(String(args.device));
      },
    }),
    defineCommand({
      command: 'ls-filesystem <path>',
      describe: 'The device that a file system is on',
      options: {},
      positionals: { path: { type: 'string', demandOption: true, describe: 'Any path in the file system' } },
      handler: async (args) => {
        const { printDeviceOfFilesystem } = await import('../../storage/print-block-device.ts');
        await printDeviceOfFilesystem(String(args.path));
      },
    }),
  ]),
]);
