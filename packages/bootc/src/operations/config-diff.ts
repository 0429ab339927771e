import { type Directory, syncFilesystem, textOf } from '@workbench/composefs';
import { compareTrees, type TreeChanges } from '../etc-merge/compare-trees.ts';
import { mergeConflictError } from '../etc-merge/conflict-error.ts';
import { planMerge } from '../etc-merge/plan-merge.ts';
import { kindOnDisk, readImageEtc, scanEtc } from '../etc-merge/read-etc.ts';
import { applyMerge } from '../etc-merge/write-etc.ts';
import { openBootedStorage } from '../storage/booted-storage.ts';
import { openBareEtc } from './bare-etc.ts';

/** SGR codes: green, cyan, red (ECMA-48, 8.3.117). */
const colours = { Added: 32, Modified: 36, Removed: 31 } as const;

/** Differences of two trees as lines, each a word and the path in quotes: what is added, then modified, then removed. */
export function formatChanges(changes: TreeChanges, options: { isTerminal: boolean }): string[] {
  const line = (word: keyof typeof colours, path: string): string => {
    const shown = options.isTerminal ? `\u001b[${colours[word]}m${word}\u001b[0m` : word;
    return `${shown} ${JSON.stringify(textOf(path))}`;
  };
  return [
    ...changes.added.map((path) => line('Added', path)),
    ...changes.modified.map((path) => line('Modified', path)),
    ...changes.removed.map((path) => line('Removed', path)),
  ];
}

/** `bootc config-diff`: prints what was changed in `/etc` against that of the booted image. */
export async function runConfigDiff(): Promise<void> {
  await using storage = await openBootedStorage('read');
  const repository = await storage.openRepository();
  const pristine = readImageEtc(repository, storage.host.deploymentId);
  await using etc = await openBareEtc(storage);
  printChanges(pristine, await scanEtc(etc.path, repository.algorithm));
}

/**
 * `bootc internals dir-diff`: the three-way merge of `/etc` on any three folders. Prints what differs between the first two,
 * and with `merge` brings that into the third; all of it is on disk when this resolves.
 *
 * @throws CodedError `ETC_MERGE_CONFLICT`: then the third folder is as it was.
 */
export async function runDirectoryDiff(
  folders: { pristine: string; current: string; next: string },
  options: { merge: boolean },
): Promise<void> {
  const scan = (path: string) => scanEtc(path, 'sha256');
  const [pristine, current] = await Promise.all([scan(folders.pristine), scan(folders.current)]);
  printChanges(pristine, current);
  const { conflicts, steps } = planMerge(pristine, current, (path) => kindOnDisk(folders.next, path));
  if (conflicts.length > 0) throw mergeConflictError(conflicts);
  if (!options.merge) return;
  applyMerge(steps, { current: folders.current, target: folders.next });
  await syncFilesystem(folders.next);
}

function printChanges(pristine: Directory, current: Directory): void {
  const isTerminal = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
  const lines = formatChanges(compareTrees(pristine, current), { isTerminal });
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}
