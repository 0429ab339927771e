import { readdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { workspace, workspaceRoot } from '../settings/workspace.ts';
import { printLines } from './print.ts';
import { defineVerb } from './verb.ts';

/** What stays in target/: tools take minutes to install, and images are signed with the keys. */
const kept = ['tools', 'secure-boot-keys'];

export const clean = defineVerb({
  positionals: {},
  options: {
    all: { type: 'boolean', describe: 'the tools in target/tools too; keys stay always' },
    'dry-run': { type: 'boolean', describe: 'only say what would be removed' },
  },
  run: async (args) => {
    const names = await readdir(workspace.target).catch(() => [] as string[]);
    const stays = args.all ? kept.filter((name) => name !== 'tools') : kept;
    const removed = names.filter((name) => !stays.includes(name)).sort();
    for (const name of removed) {
      const path = join(workspace.target, name);
      if (!args['dry-run']) await rm(path, { recursive: true, force: true });
      printLines([`${args['dry-run'] ? 'would remove' : 'removed'} ${relative(workspaceRoot, path)}`]);
    }
    if (removed.length === 0) printLines(['nothing to remove']);
    return 0;
  },
});
