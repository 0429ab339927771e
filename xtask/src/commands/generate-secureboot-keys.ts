import { relative } from 'node:path';
import { workspace, workspaceRoot } from '../settings/workspace.ts';
import { printLines } from './print.ts';
import { defineVerb } from './verb.ts';

export const generateSecureBootKeys = defineVerb({
  positionals: {},
  options: {},
  run: async (_args, { signal }) => {
    const { generateSecureBootKeys: generate } = await import('../image/secure-boot-keys.ts');
    const { reportSteps } = await import('../steps/report-steps.ts');
    const folder = relative(workspaceRoot, workspace.secureBootKeys);
    const made = await reportSteps(() => generate(folder, signal));
    if (!made) printLines([`the keys in ${folder} stay as they are`]);
    return 0;
  },
});
