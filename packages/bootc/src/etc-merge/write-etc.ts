import { closeSync, constants, openSync } from 'node:fs';
import {
  type ByteString,
  type Directory,
  type Leaf,
  placeDirectory,
  placeFile,
  placeSymlink,
  type Repository,
  readFileNode,
  removeUnsynced,
} from '@workbench/composefs';
import { comparableEntries } from './compare-trees.ts';
import type { MergeStep } from './plan-merge.ts';

/**
 * Writes a tree of an image to a folder, which may be there already: directories, files and symbolic links with owners, permissions,
 * extended attributes and times. Nothing is synced; if it throws or is stopped, a part of the tree is there.
 *
 * @throws a system error; CodedError `OBJECT_MISSING`.
 */
export async function writeTree(repository: Repository, tree: Directory, target: string): Promise<void> {
  const write = async (directory: Directory, path: Buffer): Promise<void> => {
    placeDirectory(path, directory.metadata);
    for (const [name, node] of comparableEntries(directory)) {
      const child = Buffer.concat([path, Buffer.from('/'), Buffer.from(name, 'latin1')]);
      if (node.type === 'directory') await write(node, child);
      else if (node.type === 'symlink') placeSymlink(child, node.target, node.metadata);
      else placeFile(child, { data: await readFileNode(repository, node) }, node.metadata);
    }
  };
  await write(tree, Buffer.from(target));
}

/**
 * Carries out a merge: brings local changes from the current `/etc` into a new one on disk. If it throws or is stopped, a part of
 * the steps was done; doing all of them again completes it. Nothing is synced: the caller does, before anything boots with it.
 *
 * @throws a system error.
 */
export function applyMerge(
  steps: readonly MergeStep[],
  { current, target }: { current: string; target: string },
): void {
  for (const step of steps) {
    const path = pathBelow(target, step.path);
    if (step.kind === 'remove') removeUnsynced(path);
    else if (step.kind === 'directory') placeDirectory(path, step.node.metadata);
    else placeLeaf(path, step.node, pathBelow(current, step.path));
  }
}

function placeLeaf(path: Buffer, node: Leaf, source: Buffer): void {
  if (node.type === 'symlink') {
    placeSymlink(path, node.target, node.metadata);
    return;
  }
  const fd = openSync(source, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    placeFile(path, { fd }, node.metadata);
  } finally {
    closeSync(fd);
  }
}

function pathBelow(directory: string, path: ByteString): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, 'latin1')]);
}
