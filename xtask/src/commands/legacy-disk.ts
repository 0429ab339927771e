import { run } from '@workbench/run';
import { workspace } from '../settings/workspace.ts';
import { defineVerb } from './verb.ts';

export const legacyDisk = defineVerb({
  positionals: {},
  options: {
    disk: {
      type: 'string',
      demandOption: true,
      requiresArg: true,
      describe: 'image file, raw or qcow2; changed in place',
    },
  },
  examples: [['legacy-disk --disk=disk.raw', 'a disk made by bcvk to-disk becomes one of bootc 1.13']],
  run: async ({ disk }, { signal }) => {
    const { stdout } = await run([process.execPath, workspace.legacyDisk, disk], { step: 'convert the disk', signal });
    process.stdout.write(stdout);
    return 0;
  },
});
