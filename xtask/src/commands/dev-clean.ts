import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { relative } from 'node:path';
import { devDown } from './dev-down.ts';
import { printLines } from './print.ts';
import { defineVerb } from './verb.ts';

export const devClean = defineVerb({
  positionals: {},
  options: {},
  run: async (args, context) => {
    const { devPlaces } = await import('../dev/dev-places.ts');
    const { workspaceRoot } = await import('../settings/workspace.ts');
    await devDown.run(args, context);
    for (const path of [devPlaces.sysext, devPlaces.logs].filter((folder) => existsSync(folder))) {
      await rm(path, { recursive: true, force: true });
      printLines([`removed ${relative(workspaceRoot, path)}`]);
    }
    return 0;
  },
});
