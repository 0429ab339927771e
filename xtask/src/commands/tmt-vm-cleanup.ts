import { workspace } from '../settings/workspace.ts';
import { printLines } from './print.ts';
import { settingsOf } from './test-options.ts';
import { defineVerb } from './verb.ts';

export const tmtVmCleanup = defineVerb({
  positionals: {},
  options: { all: { type: 'boolean', describe: 'those of runs that still go on, too' } },
  examples: [['tmt-vm-cleanup', 'also removes VMs that --preserve-vm kept']],
  run: async (args) => {
    const settings = await settingsOf({});
    const { openBcvk } = await import('../vm/open-bcvk.ts');
    const { reapLeftovers } = await import('../vm/reaper.ts');
    const { removeTestVms } = await import('../vm/remove-test-vms.ts');
    const bcvk = await openBcvk(settings.variables.get('BOOTC_bcvk')?.value);
    const removed = [
      ...(await removeTestVms(bcvk, args.all ?? false)),
      ...(await reapLeftovers({ bcvk, runsRoot: workspace.runs })),
    ];
    printLines(removed.length === 0 ? ['nothing to remove'] : removed.map((line) => `removed ${line}`));
    return 0;
  },
});
