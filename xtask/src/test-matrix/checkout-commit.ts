import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, run } from '@workbench/run';

/**
 * The commit of a checkout, as `git describe --always` names it, with `-dirty` where files were changed or added since.
 *
 * @param root the folder that was checked out; a repository that it merely lies in says nothing of it.
 * @returns undefined where it is no git checkout, or git does not read it.
 */
export async function describeCheckout(root: string, signal?: AbortSignal): Promise<string | undefined> {
  if (!existsSync(join(root, '.git'))) return undefined;
  const git = async (...words: string[]): Promise<string> => {
    const options = { step: 'ask git for the commit', cwd: root, ...(signal === undefined ? {} : { signal }) };
    return (await run(['git', ...words], options)).stdout.trim();
  };
  try {
    const commit = await git('describe', '--always', '--tags', '--abbrev=12');
    return (await git('status', '--porcelain')) === '' ? commit : `${commit}-dirty`;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}
