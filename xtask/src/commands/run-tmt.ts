import { reportSteps } from '../steps/report-steps.ts';
import { withReport } from './print.ts';
import { planWishesOf, settingsOf, testOptions } from './test-options.ts';
import { defineVerb } from './verb.ts';

export const runTmt = defineVerb({
  synopsis: '<image> [filter..]',
  positionals: {
    image: { type: 'string', demandOption: true, describe: 'image to install and test' },
    filter: {
      type: 'string',
      array: true,
      describe: 'plans whose name contains one of these, or is one of them; default: all',
    },
  },
  options: testOptions,
  examples: [
    ['run-tmt localhost/bootc readonly', 'the readonly plan on the image that `just build` made'],
    ['run-tmt localhost/bootc readonly --filesystem=btrfs --preserve-vm', 'another cell; keep the VM to look at'],
  ],
  run: async (args, { signal }) => {
    const settings = await settingsOf(args);
    const { requireSecureBootKeys, testRequest } = await import('../settings/test-request.ts');
    const request = testRequest(settings, planWishesOf(args.image, args.filter ?? [], args));
    const { requireSelection } = await import('./require-selection.ts');
    await requireSelection(request);
    await requireSecureBootKeys(settings.cell);
    const { needsUpgradeImages, requireUpgradeImages } = await import('../image/build.ts');
    const { runTmt: run } = await import('../tmt/run-tmt.ts');
    const buildUpgradeImage = needsUpgradeImages(settings.cell) ? () => requireUpgradeImages(signal) : undefined;
    return withReport((print) => reportSteps(() => run({ ...request, buildUpgradeImage, signal, print })));
  },
});
