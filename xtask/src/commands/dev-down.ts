import { devBcvk } from './dev-session.ts';
import { printLines } from './print.ts';
import { defineVerb } from './verb.ts';

export const devDown = defineVerb({
  positionals: {},
  options: {},
  run: async () => {
    const { devVmName } = await import('../dev/dev-places.ts');
    const { removeDevVm } = await import('../dev/dev-vm.ts');
    const { formatDuration } = await import('../steps/plain-renderer.ts');
    const startedAt = performance.now();
    const isRemoved = await removeDevVm(await devBcvk());
    const took = formatDuration(performance.now() - startedAt);
    printLines([isRemoved ? `removed VM ${devVmName} in ${took}` : `there is no VM ${devVmName}`]);
    return 0;
  },
});
