import { reportSteps } from '../steps/report-steps.ts';
import { imageOptions } from './image-options.ts';
import { settingsOf, testOptions, wishesOf } from './test-options.ts';
import { defineVerb } from './verb.ts';

export const testTmt = defineVerb({
  synopsis: '[filter..]',
  positionals: {
    filter: { type: 'string', array: true, describe: 'run the plans whose name contains one of these; default: all' },
  },
  options: testOptions,
  examples: [['test-tmt readonly', 'build the default cell and run the readonly plan in it']],
  run: async (args, { signal }) => {
    const settings = await settingsOf(args);
    const { requireSecureBootKeys, testRequest } = await import('../settings/test-request.ts');
    const wishes = wishesOf('localhost/bootc', args.filter ?? [], args);
    testRequest(settings, wishes);
    await requireSecureBootKeys(settings.cell);
    const { buildImages } = await import('../image/build.ts');
    const { runTmt } = await import('../tmt/run-tmt.ts');
    return reportSteps(async () => {
      const built = await buildImages({ ...imageOptions(settings), signal });
      const request = testRequest(settings, { ...wishes, image: built.image });
      return runTmt({ ...request, signal });
    });
  },
});
