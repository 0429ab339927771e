import { buildImageOf } from './build-image.ts';
import { cellOptions } from './cell-options.ts';
import { printJson, printLines } from './print.ts';
import { settingsOf } from './test-options.ts';
import { defineVerb } from './verb.ts';

export const build = defineVerb({
  positionals: {},
  options: {
    ...cellOptions,
    'fresh-base': { type: 'boolean', describe: 'make the base image again, with the packages of today' },
    'make-keys': { type: 'boolean', describe: 'make Secure Boot keys first, where there are none' },
    upgrades: { type: 'boolean', describe: 'also the images that plans upgrade to, where a cell needs them made here' },
    json: { type: 'boolean', describe: 'print name and digest of the image as JSON' },
  },
  examples: [['build', 'localhost/bootc for the default cell']],
  run: async (args, { signal }) => {
    const settings = await settingsOf(args);
    const { reportSteps } = await import('../steps/report-steps.ts');
    const { 'fresh-base': freshBase, 'make-keys': makeKeys, upgrades } = args;
    const built = await reportSteps(() => buildImageOf(settings, { freshBase, makeKeys, upgrades }, signal));
    if (args.json) printJson(built);
    else printLines([`${built.image} ${built.digest}`]);
    return 0;
  },
});
