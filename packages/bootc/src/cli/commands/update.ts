import { defineCommand } from '../define-command.ts';
import { choice, flag, value } from '../options.ts';
import { notBuilt, requireBootedHost } from '../require-booted-host.ts';

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
    'download-only': flag('Stage it, but do not finalize it at shutdown', { conflicts: ['check', 'apply'] }),
    'from-downloaded': flag('Release what was downloaded, without network', { conflicts: ['check', 'download-only'] }),
    tag: value('Another tag of the current image'),
    'progress-fd': progressFd,
  },
  handler: async () => {
    await requireBootedHost();
    throw notBuilt('upgrade');
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
    'mutate-in-place': flag('Change only the record of the booted image', { hidden: true }),
    retain: flag('No effect'),
    'experimental-unified-storage': flag('Pull through containers-storage', { hidden: true }),
    'progress-fd': progressFd,
  },
  positionals: { target: { type: 'string', demandOption: true, describe: 'Image to follow' } },
  handler: async (args) => {
    await requireBootedHost();
    const { parseTarget } = await import('../../operations/target.ts');
    parseTarget({ transport: args.transport, name: args.target ?? '' });
    throw notBuilt('switch');
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
