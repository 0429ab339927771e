import { join, relative } from 'node:path';
import { workspace, workspaceRoot } from '../settings/workspace.ts';
import { printLines } from './print.ts';
import { defineVerb } from './verb.ts';

export const clean = defineVerb({
  positionals: {},
  options: {
    all: { type: 'boolean', describe: 'the tools in target/tools too; keys stay always' },
    'dry-run': { type: 'boolean', describe: 'only say what would be removed' },
  },
  run: async (args) => {
    const { cleanTarget } = await import('../runs/clean-target.ts');
    const dryRun = args['dry-run'] ?? false;
    const { removed, spared } = await cleanTarget({ target: workspace.target, all: args.all ?? false, dryRun });
    const shown = (name: string): string => relative(workspaceRoot, join(workspace.target, name));
    printLines([
      ...removed.map((name) => `${dryRun ? 'would remove' : 'removed'} ${shown(name)}`),
      ...spared.map((name) => `kept ${shown(name)}: the development VM needs it; just bcvk clean removes both`),
      ...(removed.length + spared.length === 0 ? ['nothing to remove'] : []),
    ]);
    return 0;
  },
});
