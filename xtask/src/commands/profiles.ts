import { relative } from 'node:path';
import { listProfiles, loadProfile } from '../profiles/profile.ts';
import { workspace, workspaceRoot } from '../settings/workspace.ts';
import { printJson, printLines } from './print.ts';
import { defineVerb } from './verb.ts';

export const profiles = defineVerb({
  positionals: {},
  options: { json: { type: 'boolean', describe: 'print the profiles as JSON' } },
  run: async (args) => {
    const folder = relative(workspaceRoot, workspace.profiles);
    const names = await listProfiles(folder);
    const all = await Promise.all(names.map((name) => loadProfile(folder, name)));
    if (args.json) printJson(all);
    else {
      const width = Math.max(...names.map((name) => name.length));
      printLines(all.map(({ name, description = '' }) => `${name.padEnd(width)}  ${description}`));
    }
    return 0;
  },
});
