import { defineCommand } from '../define-command.ts';
import { choice, flag, value } from '../options.ts';
import { requireBootedHost } from '../require-booted-host.ts';

const softReboot = choice(
  ['required', 'auto'],
  'Restart only userspace: fail (required) or reboot (auto) if that cannot be',
);
const progressFd = value('File descriptor that gets the progress as JSON lines', { hidden: true });
const quiet = flag('No progress bars');

/** `bootc upgrade` */
export const upgradeCommand = defineCommand({
  command: ['upgrade', 'update'],
  describe: 'Fetch a newer version of the image and stage it for the next boot',
  options: {
    quiet,
    check: flag('Only tell whether there is a newer version', {
      conflicts: ['apply', 'soft-reboot', 'download-only', 'from-downloaded'],
    }),
    apply: flag('Reboot into it at once', { conflicts: ['check', 'download-only'] }),
    'soft-reboot': softReboot,
    'download-only': flag('Stage it, but do not finalize it at shutdown', {
      conflicts: ['check', 'apply', 'soft-reboot'],
    }),
    'from-downloaded': flag('Release what was downloaded, without network', {
      conflicts: ['check', 'download-only', 'tag'],
    }),
    tag: value('Another tag of the current image'),
    'progress-fd': progressFd,
  },
  handler: async (args) => {
    await requireBootedHost();
    const { runUpgrade } = await import('../../operations/run-update.ts');
    const modes = [
      [args.check, 'check'],
      [args.downloadOnly, 'download-only'],
      [args.fromDownloaded, 'from-downloaded'],
    ] as const;
    await runUpgrade({
      mode: modes.find(([isGiven]) => isGiven === true)?.[1] ?? 'upgrade',
      isQuiet: args.quiet === true,
      apply: args.apply === true,
      softReboot: args.softReboot,
      tag: args.tag,
      progressFd: args.progressFd,
    });
  },
});

/** `bootc switch` */
export const switchCommand = defineCommand({
  command: 'switch <target>',
  describe: 'Follow another image from the next boot on',
  options: {
    target: value('Image to follow'),
    quiet,
    apply: flag('Reboot into it at once'),
    'soft-reboot': softReboot,
    transport: value('Where the image is: registry, oci, oci-archive, docker-archive, containers-storage, dir, …', {
      defaultDescription: 'registry',
    }),
    'no-signature-verification': flag('No effect', { hidden: true }),
    'enforce-container-sigpolicy': flag('Demand that the policy of the host verifies signatures'),
    'mutate-in-place': flag('Change only the record of the booted image', {
      hidden: true,
      conflicts: ['apply', 'soft-reboot'],
    }),
    retain: flag('No effect'),
    'experimental-unified-storage': flag('Pull through containers-storage', { hidden: true }),
    'progress-fd': progressFd,
  },
  positionals: { target: { type: 'string', demandOption: true, describe: 'Image to follow' } },
  handler: async (args) => {
    await requireBootedHost();
    const { runSwitch } = await import('../../operations/run-update.ts');
    await runSwitch({
      target: args.target ?? '',
      transport: args.transport,
      signature: args.enforceContainerSigpolicy === true ? 'containerPolicy' : 'unverified',
      isInPlace: args.mutateInPlace === true,
      isUnified: args.experimentalUnifiedStorage === true,
      isQuiet: args.quiet === true,
      apply: args.apply === true,
      softReboot: args.softReboot,
      progressFd: args.progressFd,
    });
  },
});

/** `bootc rollback` */
export const rollbackCommand = defineCommand({
  command: 'rollback',
  describe: 'Boot the previous deployment next',
  options: { apply: flag('Reboot into it at once'), 'soft-reboot': softReboot },
  handler: async (args) => {
    await requireBootedHost();
    const { runRollback } = await import('../../operations/rollback.ts');
    await runRollback({ apply: args.apply === true, softReboot: args.softReboot });
  },
});
