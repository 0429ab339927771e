import { CodedError } from '@workbench/run';
import { compareBytes, textOf } from '../tree/byte-string.ts';
import type { ByteString, Directory, Leaf, Node } from '../tree/tree.ts';
import { countDirectoryLinks, countLinks, sortedEntries } from '../tree/walk.ts';
import type { ErofsFormat } from './format.ts';
import { isStub, isWhiteout, makeStub, stubNames } from './whiteouts.ts';

/** One inode to be written, before anything is known of its place. */
export interface OrderedInode {
  node: Node;
  linkCount: number;
  /** A whiteout that is written as a marked regular file, so that overlayfs shows it to a further overlay. */
  isEscapedWhiteout: boolean;
  /** A directory that has such a one in it. */
  holdsEscapedWhiteout: boolean;
  /** Of a directory: its entries with `.` and `..`, in byte order; empty for others. */
  entries: { name: ByteString; inode: OrderedInode }[];
  /** Place in the image's order, which is its inode number in formats 0 and 1; -1 until it has one. */
  number: number;
}

type Entries = [ByteString, Node][];

/**
 * The inodes of a tree in the order in which a format writes them. The first is the root.
 *
 * @throws CodedError `EROFS_LIMIT` if a whiteout has several names.
 */
export function orderInodes(root: Directory, format: ErofsFormat): OrderedInode[] {
  const listed = new Map<Directory, Entries>();
  const entriesOf = (directory: Directory): Entries => {
    let entries = listed.get(directory);
    if (entries === undefined) {
      entries = sortedEntries(directory);
      listed.set(directory, entries);
    }
    return entries;
  };
  if (format !== 2) listed.set(root, withStubs(root));
  const inodes = createInodes(root, format);
  const ordered: OrderedInode[] = [];
  const place = (inode: OrderedInode) => {
    if (inode.number >= 0) return;
    inode.number = ordered.length;
    ordered.push(inode);
  };
  const enter = (directory: Directory, parent: OrderedInode): Entries => {
    const entries = entriesOf(directory);
    inodes.addEntries(directory, entries, parent);
    return entries;
  };
  if (format === 2) orderDepthFirst(root, { inodes, place, enter });
  else orderBreadthFirst(root, { inodes, place, enter }, findHomes(root, inodes, entriesOf));
  return ordered;
}

function withStubs(root: Directory): Entries {
  const entries = sortedEntries(root);
  for (const name of stubNames) if (!root.entries.has(name)) entries.push([name, makeStub(root)]);
  return entries.sort(([a], [b]) => compareBytes(a, b));
}

interface Inodes {
  of(node: Node): OrderedInode;
  addEntries(directory: Directory, entries: Entries, parent: OrderedInode): void;
  linksOf(leaf: Leaf): number;
  hasHardLinks: boolean;
}

function createInodes(root: Directory, format: ErofsFormat): Inodes {
  const links = countLinks(root);
  const linksOf = (leaf: Leaf) => links.get(leaf) ?? 1;
  const known = new Map<Node, OrderedInode>();
  const of = (node: Node): OrderedInode => {
    const inode = known.get(node);
    if (inode !== undefined) return inode;
    const made: OrderedInode = {
      node,
      linkCount: node.type === 'directory' ? countDirectoryLinks(node) : linksOf(node),
      isEscapedWhiteout: false,
      holdsEscapedWhiteout: false,
      entries: [],
      number: -1,
    };
    known.set(node, made);
    return made;
  };
  return {
    of,
    linksOf,
    hasHardLinks: [...links.values()].some((count) => count > 1),
    addEntries(directory, entries, parent) {
      const self = of(directory);
      self.entries = entries.map(([name, node]) => ({ name, inode: of(node) }));
      for (const { name, inode } of self.entries) {
        if (!isWhiteout(inode.node)) continue;
        if (inode.linkCount > 1) throw severalNames(name);
        if (format === 2 || (directory === root && isStub(name, inode.node, root))) continue;
        inode.isEscapedWhiteout = true;
        self.holdsEscapedWhiteout = true;
      }
      self.entries.push({ name: '.', inode: self }, { name: '..', inode: parent });
      self.entries.sort((a, b) => compareBytes(a.name, b.name));
    },
  };
}

function severalNames(name: ByteString): CodedError {
  return new CodedError('EROFS_LIMIT', `the whiteout ${textOf(name)} has several names`, {
    hint: 'overlayfs cannot tell what such a node hides; give each name a node of its own',
  });
}

interface Order {
  inodes: Inodes;
  place(inode: OrderedInode): void;
  enter(directory: Directory, parent: OrderedInode): Entries;
}

function orderDepthFirst(root: Directory, { inodes, place, enter }: Order): void {
  const pending: { node: Node; parent: OrderedInode }[] = [{ node: root, parent: inodes.of(root) }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const inode = inodes.of(next.node);
    place(inode);
    if (next.node.type !== 'directory') continue;
    const entries = enter(next.node, next.parent);
    for (let i = entries.length - 1; i >= 0; i--) pending.push({ node: (entries[i] as Entries[0])[1], parent: inode });
  }
}

function orderBreadthFirst(root: Directory, { inodes, place, enter }: Order, homes: Map<Leaf, Directory>): void {
  place(inodes.of(root));
  const queue: { directory: Directory; parent: OrderedInode }[] = [{ directory: root, parent: inodes.of(root) }];
  for (const { directory, parent } of queue) {
    const self = inodes.of(directory);
    for (const [, node] of enter(directory, parent)) {
      if (node.type === 'directory') queue.push({ directory: node, parent: self });
      else if (inodes.linksOf(node) > 1 && homes.get(node) !== directory) continue;
      place(inodes.of(node));
    }
  }
}

/** Where a leaf with several names gets its inode: the directory of the first of them, met depth first. */
function findHomes(
  root: Directory,
  inodes: Inodes,
  entriesOf: (directory: Directory) => Entries,
): Map<Leaf, Directory> {
  const homes = new Map<Leaf, Directory>();
  if (!inodes.hasHardLinks) return homes;
  const pending: { node: Node; home: Directory }[] = [{ node: root, home: root }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { node, home } = next;
    if (node.type === 'directory') {
      const entries = entriesOf(node);
      for (let i = entries.length - 1; i >= 0; i--) pending.push({ node: (entries[i] as Entries[0])[1], home: node });
    } else if (inodes.linksOf(node) > 1 && !homes.has(node)) {
      homes.set(node, home);
    }
  }
  return homes;
}
