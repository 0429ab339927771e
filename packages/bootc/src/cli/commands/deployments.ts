import { defineCommand, defineGroup } from '../define-command.ts';
import { flag, value } from '../options.ts';
import { requireBootedHost } from '../require-booted-host.ts';

/** Verbs on the deployments of the booted system. */
export const deploymentCommands = [
  defineCommand({
    command: 'edit',
    describe: 'Edit the specification of the host',
    options: {
      filename: value('File that holds the new specification', { alias: 'f' }),
      quiet: flag('No progress bars'),
    },
    handler: async (args) => {
      await requireBootedHost();
      const { runEdit } = await import('../../operations/edit.ts');
      await runEdit({ fileName: args.filename, isQuiet: args.quiet === true });
    },
  }),
  defineCommand({
    command: ['usr-overlay', 'usroverlay'],
    describe: 'Put a writable layer over /usr until the next boot',
    options: { 'read-only': flag('Only lay it, do not allow writing') },
    handler: async (args) => {
      await requireBootedHost();
      const { runUsrOverlay } = await import('../../operations/usr-overlay.ts');
      await runUsrOverlay({ isReadOnly: args.readOnly === true });
    },
  }),
  defineCommand({
    command: 'delete-deployment <id>',
    describe: false,
    options: { id: value('Deployment') },
    positionals: { id: { type: 'string', demandOption: true, describe: 'Deployment' } },
    handler: async (args) => {
      await requireBootedHost();
      const { runDeleteDeployment } = await import('../../operations/delete-deployment.ts');
      await runDeleteDeployment(String(args.id));
    },
  }),
  defineCommand({
    command: 'config-diff',
    describe: false,
    options: {},
    handler: async () => {
      await requireBootedHost();
      const { runConfigDiff } = await import('../../operations/config-diff.ts');
      await runConfigDiff();
    },
  }),
  defineCommand({
    command: 'composefs-finalize-staged',
    describe: false,
    options: {},
    handler: async () => {
      await requireBootedHost();
      const { runFinalizeStaged } = await import('../../operations/run-finalize.ts');
      await runFinalizeStaged();
    },
  }),
  defineGroup('loader-entries', 'Kernel arguments owned by other programs', [
    defineCommand({
      command: 'set-options-for-source',
      describe: 'Set the kernel arguments of one owner',
      options: { source: value('Owner'), options: value('Its kernel arguments; none removes them') },
      handler: async (args) => {
        await requireBootedHost();
        const { runSetOptionsForSource } = await import('../../operations/loader-entries.ts');
        await runSetOptionsForSource(args.source, args.options);
      },
    }),
  ]),
];
