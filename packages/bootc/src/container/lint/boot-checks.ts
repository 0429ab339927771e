import { isUtf8 } from 'node:buffer';
import { readlink } from 'node:fs/promises';
import { CodedError } from '@workbench/run';
import { configurationArchitecture } from '../../boot/architecture.ts';
import { kernelArgumentsOfFiles, readKargsFiles } from '../../boot/kargs-d.ts';
import { readInspection } from '../inspect.ts';
import type { LintCheck, LintFinding } from './check.ts';
import { showFoundPath, walkRoot } from './walk-root.ts';

/** Checks of what an image boots with, and of its names. */
export const bootChecks: readonly LintCheck[] = [
  {
    name: 'bootc-kargs',
    level: 'fatal',
    description: 'The kernel arguments in /usr/lib/bootc/kargs.d have to be readable',
    run: ({ root }) =>
      findingOf(async () => {
        kernelArgumentsOfFiles(await readKargsFiles(root), configurationArchitecture());
      }),
  },
  {
    name: 'kernel',
    level: 'fatal',
    description: 'There is one kernel at most; with several it is not known which one boots',
    run: ({ root }) =>
      findingOf(async () => {
        await readInspection(root);
      }, ['KARGS_FILE_INVALID']),
  },
  {
    name: 'utf8',
    level: 'fatal',
    description: 'Names and targets of links are UTF-8',
    run: async ({ root }) => {
      const items: string[] = [];
      await walkRoot(root, '.', async ({ path, realPath, entry }) => {
        if (!isUtf8(entry.name)) items.push(`name ${showFoundPath(path)}`);
        if (entry.isSymbolicLink() && !isUtf8(await readlink(realPath, 'buffer'))) {
          items.push(`target of ${showFoundPath(path)}`);
        }
        return true;
      });
      return items.length === 0 ? undefined : { message: 'Found names that are not UTF-8', items };
    },
  },
];

/** What an action refuses as a finding; refusals with other codes are for other checks. */
async function findingOf(
  action: () => Promise<void>,
  ofOthers: readonly string[] = [],
): Promise<LintFinding | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return ofOthers.includes(error.code) ? undefined : { message: error.message };
  }
}
