import { type ByteString, type Directory, type Leaf, type Metadata, type Node, noAttributes } from './tree.ts';

/** The entries of a directory in byte order of their names. */
export function sortedEntries(directory: Directory): [ByteString, Node][] {
  // Without a function of ours, names are compared by their code units, which are bytes here.
  const names = [...directory.entries.keys()].sort();
  return names.map((name) => [name, directory.entries.get(name) as Node]);
}

/**
 * Calls `visit` for the root (as `/`) and everything below it: depth first, entries in byte order, a directory before its
 * entries. A leaf with several names is met once for each. Trees of any depth are walked without recursion.
 */
export function walkTree(root: Directory, visit: (path: ByteString, node: Node) => void): void {
  const pending: [ByteString, Node][] = [['/', root]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [path, node] = next;
    visit(path, node);
    if (node.type !== 'directory') continue;
    const prefix = path === '/' ? path : `${path}/`;
    const entries = sortedEntries(node);
    for (let i = entries.length - 1; i >= 0; i--) {
      const [name, child] = entries[i] as [ByteString, Node];
      pending.push([prefix + name, child]);
    }
  }
}

/** Calls `visit` for every node of a tree, in no particular order; for a leaf with several names once for each. */
export function forEachNode(root: Directory, visit: (node: Node) => void): void {
  const directories = [root];
  for (const directory of directories) {
    visit(directory);
    for (const child of directory.entries.values()) {
      if (child.type === 'directory') directories.push(child);
      else visit(child);
    }
  }
}

/** Takes away the extended attributes that are not to be kept. */
export function keepAttributes(metadata: Metadata, keeps: (name: ByteString) => boolean): void {
  if (metadata.xattrs.size === 0) return;
  const kept = [...metadata.xattrs].filter(([name]) => keeps(name));
  metadata.xattrs = kept.length === 0 ? noAttributes : new Map(kept);
}

/** How many names each leaf of a tree has: its link count. */
export function countLinks(root: Directory): Map<Leaf, number> {
  const counts = new Map<Leaf, number>();
  const directories = [root];
  for (const directory of directories) {
    for (const child of directory.entries.values()) {
      if (child.type === 'directory') directories.push(child);
      else counts.set(child, (counts.get(child) ?? 0) + 1);
    }
  }
  return counts;
}

/** The link count of a directory: two, and one for each directory in it. */
export function countDirectoryLinks(directory: Directory): number {
  let links = 2;
  for (const child of directory.entries.values()) if (child.type === 'directory') links++;
  return links;
}
