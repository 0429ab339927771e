import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { workspace, workspaceRoot } from '../settings/workspace.ts';
import { printLines } from './print.ts';
import { defineVerb } from './verb.ts';

export const man = defineVerb({
  positionals: {},
  options: {
    output: { type: 'string', requiresArg: true, describe: 'folder for the pages; default: target/man/man1' },
  },
  examples: [['man', 'then: man -M target/man xtask-test-tmt']],
  run: async (args) => {
    const { programManPage, verbManPage } = await import('../docs/man-page.ts');
    const { knownVariables } = await import('../matrix/variables.ts');
    const { verbs } = await import('./verbs.ts');
    const folder = args.output ?? join(workspace.target, 'man/man1');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'xtask.1'), programManPage(verbs, knownVariables()));
    for (const entry of verbs) {
      await writeFile(join(folder, `xtask-${entry.name}.1`), verbManPage(entry, await entry.load()));
    }
    printLines([`${verbs.length + 1} pages in ${relative(workspaceRoot, folder)}`]);
    return 0;
  },
});
