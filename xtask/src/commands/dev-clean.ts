import { rm } from 'node:fs/promises';
import { relative } from 'node:path';
import { devBcvk } from './dev-session.ts';
import { printLines } from './print.ts';
import { defineVerb } from './verb.ts';

export const devClean = defineVerb({
  positionals: {},
  options: {},
  run: async () => {
    const { devPlaces, removeDevVm } = await import('../dev/dev-vm.ts');
    const { workspaceRoot } = await import('../settings/workspace.ts');
    printLines([await removeDevVm(await devBcvk())]);
    for (const path of [devPlaces.sysext, devPlaces.logs]) {
      await rm(path, { recursive: true, force: true });
      printLines([`removed ${relative(workspaceRoot, path)}`]);
    }
    return 0;
  },
});
