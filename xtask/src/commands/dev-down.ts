import { devBcvk } from './dev-session.ts';
import { printLines } from './print.ts';
import { defineVerb } from './verb.ts';

export const devDown = defineVerb({
  positionals: {},
  options: {},
  run: async () => {
    const { removeDevVm } = await import('../dev/dev-vm.ts');
    printLines([await removeDevVm(await devBcvk())]);
    return 0;
  },
});
