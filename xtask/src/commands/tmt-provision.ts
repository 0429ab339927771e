import { reportSteps } from '../steps/report-steps.ts';
import { withReport } from './print.ts';
import { settingsOf, vmOptions, wishesOf } from './test-options.ts';
import { defineVerb } from './verb.ts';

export const tmtProvision = defineVerb({
  synopsis: '<image> [name]',
  positionals: {
    image: { type: 'string', demandOption: true, describe: 'image to install' },
    name: { type: 'string', describe: 'name of the VM; default: a new one' },
  },
  options: vmOptions,
  examples: [['tmt-provision localhost/bootc', 'start a VM, and print how to reach it by ssh and by tmt']],
  run: async (args, { signal }) => {
    const settings = await settingsOf(args);
    const { requireSecureBootKeys, testRequest } = await import('../settings/test-request.ts');
    const request = testRequest(settings, wishesOf(args.image, [], args));
    await requireSecureBootKeys(settings.cell);
    const { provision } = await import('../tmt/run-tmt.ts');
    return withReport((print) =>
      reportSteps(() => provision({ ...request, preserveVm: true, name: args.name, signal, print })),
    );
  },
});
