import { devBcvk } from './dev-session.ts';
import { printJson, printLines } from './print.ts';
import { defineVerb } from './verb.ts';

export const devStatus = defineVerb({
  positionals: {},
  options: { json: { type: 'boolean', describe: 'print it as JSON' } },
  run: async (args) => {
    const { describeDevVm, devVmStatus } = await import('../dev/dev-status.ts');
    const status = await devVmStatus(await devBcvk());
    if (args.json) printJson(status);
    else printLines(describeDevVm(status));
    return 0;
  },
});
