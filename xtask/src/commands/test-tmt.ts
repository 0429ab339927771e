import { reportSteps } from '../steps/report-steps.ts';
import { imageOptions } from './image-options.ts';
import { withReport } from './print.ts';
import { planWishesOf, settingsOf, testOptions } from './test-options.ts';
import { defineVerb } from './verb.ts';

export const testTmt = defineVerb({
  synopsis: '[filter..]',
  positionals: {
    filter: {
      type: 'string',
      array: true,
      describe: 'plans whose name contains one of these, or is one of them; default: all',
    },
  },
  options: testOptions,
  examples: [['test-tmt readonly', 'build the default cell and run the readonly plan in it']],
  run: async (args, { signal }) => {
    const settings = await settingsOf(args);
    const { requireSecureBootKeys, testRequest } = await import('../settings/test-request.ts');
    const { requireSelection } = await import('./require-selection.ts');
    // Whatever is wrong is to be said before a build of minutes.
    const request = testRequest(settings, planWishesOf('localhost/bootc', args.filter ?? [], args));
    const build = imageOptions(settings);
    await requireSelection(request);
    await requireSecureBootKeys(settings.cell);
    const { requireMachine } = await import('../tmt/prepare-run.ts');
    await requireMachine(request);
    const { buildImages, buildUpgradeImages, needsUpgradeImages } = await import('../image/build.ts');
    const { runTmt } = await import('../tmt/run-tmt.ts');
    return withReport((print) =>
      reportSteps(async () => {
        const { image, digest } = await buildImages({ ...build, signal });
        const buildUpgradeImage = needsUpgradeImages(settings.cell)
          ? () => buildUpgradeImages({ ...build, signal })
          : undefined;
        return runTmt({ ...request, image, imageDigest: digest, buildUpgradeImage, signal, print });
      }),
    );
  },
});
