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
    upgrades: { type: 'boolean', describe: 'also the images that plans upgrade to, where a cell needs them made here' },
    json: { type: 'boolean', describe: 'print name and digest of the image as JSON' },
  },
  examples: [['build', 'localhost/bootc for the default cell']],
  run: async (args, { signal }) => {
    const settings = await settingsOf(args);
    const options = imageOptions(settings);
    const { buildImages, buildUpgradeImages, needsUpgradeImages } = await import('../image/build.ts');
    const { reportSteps } = await import('../steps/report-steps.ts');
    const built = await reportSteps(async () => {
      const image = await buildImages({ ...options, freshBase: args['fresh-base'] ?? false, signal });
      if (args.upgrades && needsUpgradeImages(settings.cell)) await buildUpgradeImages({ ...options, signal });
      return image;
    });
    if (args.json) printJson(built);
    else printLines([`${built.image} ${built.digest}`]);
    return 0;
  },
});
