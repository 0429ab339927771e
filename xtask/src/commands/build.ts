import { cellOptions } from './cell-options.ts';
import { imageOptions } from './image-options.ts';
import { printJson, printLines } from './print.ts';
import { settingsOf } from './test-options.ts';
import { defineVerb } from './verb.ts';

export const build = defineVerb({
  positionals: {},
  options: {
    ...cellOptions,
    'fresh-base': { type: 'boolean', describe: 'make the base image again, with the packages of today' },
    json: { type: 'boolean', describe: 'print name and digest of the image as JSON' },
  },
  examples: [['build', 'localhost/bootc for the default cell']],
  run: async (args, { signal }) => {
    const settings = await settingsOf(args);
    const options = imageOptions(settings);
    const { buildImages } = await import('../image/build.ts');
    const { reportSteps } = await import('../steps/report-steps.ts');
    const built = await reportSteps(() => buildImages({ ...options, freshBase: args['fresh-base'] ?? false, signal }));
    if (args.json) printJson(built);
    else printLines([`${built.image} ${built.digest}`]);
    return 0;
  },
});
