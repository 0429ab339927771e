import type { ByteString, Directory, Leaf, Node } from '@workbench/composefs';
import { compareTrees } from './compare-trees.ts';

/** What is at a path of the new `/etc`. */
export type NewKind = 'directory' | 'other' | 'absent';

/** One step of bringing what was changed locally into the new `/etc`. */
export type MergeStep =
  | { kind: 'directory'; path: ByteString; node: Directory }
  /** A file or a symbolic link. */
  | { kind: 'leaf'; path: ByteString; node: Leaf }
  | { kind: 'remove'; path: ByteString };

/** A path that is a directory on one side only, so that neither can be kept without losing the other. */
export interface MergeConflict {
  path: ByteString;
  /** The side on which it is a directory. */
  directoryIn: 'current' | 'new';
}

/** How local changes of `/etc` come into that of a new image. With conflicts there are no steps. */
export interface MergePlan {
  conflicts: readonly MergeConflict[];
  /** In their order: directories before what is in them, removals last. Doing them again changes nothing. */
  steps: readonly MergeStep[];
}

/**
 * Plans the three-way merge: what was changed locally, against the `/etc` of the booted image, wins over the new image;
 * everything else is as the new image has it. A local directory of changes that the new image lacks is made again.
 *
 * @param kindInNew what the new `/etc` has at a path.
 */
export function planMerge(
  pristine: Directory,
  current: Directory,
  kindInNew: (path: ByteString) => NewKind,
): MergePlan {
  const { added, modified, removed } = compareTrees(pristine, current);
  const changed = new Set([...added, ...modified]);
  // A directory on the way to a change has to be a directory in the new image too.
  const onTheWay = new Set([...changed].flatMap(parentsOf).filter((path) => !changed.has(path)));
  const conflicts: MergeConflict[] = [];
  for (const path of [...changed, ...onTheWay]) {
    const kind = kindInNew(path);
    const isDirectory = nodeAt(current, path).type === 'directory';
    if (kind === 'absent' || (kind === 'directory') === isDirectory) continue;
    conflicts.push({ path, directoryIn: isDirectory ? 'current' : 'new' });
  }
  if (conflicts.length > 0) return { conflicts, steps: [] };
  const missing = [...onTheWay].filter((path) => kindInNew(path) === 'absent');
  const placed = [...changed, ...missing].sort((a, b) => depthOf(a) - depthOf(b));
  return {
    conflicts,
    steps: [
      ...placed.map((path): MergeStep => {
        const node = nodeAt(current, path);
        return node.type === 'directory' ? { kind: 'directory', path, node } : { kind: 'leaf', path, node };
      }),
      // Of what the new image does not have there is nothing to remove: on the way to it may be a link that leads out of it.
      ...removed.filter((path) => kindInNew(path) !== 'absent').map((path): MergeStep => ({ kind: 'remove', path })),
    ],
  };
}

function depthOf(path: ByteString): number {
  return path.split('/').length;
}

function parentsOf(path: ByteString): ByteString[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

function nodeAt(tree: Directory, path: ByteString): Node {
  let node: Node | undefined = tree;
  for (const name of path.split('/')) node = node?.type === 'directory' ? node.entries.get(name) : undefined;
  if (node === undefined) throw new Error(`${path} is not in the tree it was found in`);
  return node;
}

/** What a tree has at a path, for {@link planMerge}. */
export function kindInTree(tree: Directory, path: ByteString): NewKind {
  let node: Node | undefined = tree;
  for (const name of path.split('/')) {
    node = node?.type === 'directory' ? node.entries.get(name) : undefined;
    if (node === undefined) return 'absent';
  }
  return node?.type === 'directory' ? 'directory' : 'other';
}
