import { CodedError } from '@workbench/run';
import { compareBytes, textOf } from '../tree/byte-string.ts';
import type { ByteString, Directory, Leaf, Node } from '../tree/tree.ts';
import { sortedEntries } from '../tree/walk.ts';
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
  names: readonly ByteString[];
  /** The inode that each of the names leads to. */
  targets: readonly OrderedInode[];
  /** Place in the image's order, which is its inode number in formats 0 and 1; -1 until it has one. */
  number: number;
}

/**
 * The inodes of a tree in the order in which a format writes them. The first is the root.
 *
 * @throws CodedError `EROFS_LIMIT` if a whiteout has several names.
 */
export function orderInodes(root: Directory, format: ErofsFormat): OrderedInode[] {
  const { rootInode, hasHardLinks } = createInodes(root, format);
  return format === 2 ? orderDepthFirst(rootInode) : orderBreadthFirst(rootInode, hasHardLinks);
}

function createInodes(root: Directory, format: ErofsFormat): { rootInode: OrderedInode; hasHardLinks: boolean } {
  const leaves = new Map<Leaf, OrderedInode>();
  let hasHardLinks = false;
  const inodeOf = (node: Node): OrderedInode => {
    if (node.type === 'directory') return createInode(node, 2);
    let inode = leaves.get(node);
    if (inode === undefined) {
      inode = createInode(node, 1);
      leaves.set(node, inode);
    } else {
      inode.linkCount += 1;
      hasHardLinks = true;
    }
    return inode;
  };
  const rootInode = inodeOf(root);
  const pending = [{ directory: root, inode: rootInode, parent: rootInode }];
  for (const { directory, inode, parent } of pending) {
    const entries = directory === root && format !== 2 ? withStubs(root) : sortedEntries(directory);
    const names: ByteString[] = [];
    const targets: OrderedInode[] = [];
    for (const [name, node] of entries) {
      const target = inodeOf(node);
      names.push(name);
      targets.push(target);
      if (node.type === 'directory') {
        inode.linkCount += 1;
        pending.push({ directory: node, inode: target, parent: inode });
      } else if (isWhiteout(node)) {
        if (target.linkCount > 1) throw severalNames(name);
        if (format === 2 || (directory === root && isStub(name, node, root))) continue;
        target.isEscapedWhiteout = true;
        inode.holdsEscapedWhiteout = true;
      }
    }
    insertName(names, targets, { name: '.', target: inode });
    insertName(names, targets, { name: '..', target: parent });
    inode.names = names;
    inode.targets = targets;
  }
  return { rootInode, hasHardLinks };
}

const none: readonly never[] = [];

function createInode(node: Node, linkCount: number): OrderedInode {
  return {
    node,
    linkCount,
    isEscapedWhiteout: false,
    holdsEscapedWhiteout: false,
    names: none,
    targets: none,
    number: -1,
  };
}

function withStubs(root: Directory): [ByteString, Node][] {
  const entries = sortedEntries(root);
  for (const name of stubNames) if (!root.entries.has(name)) entries.push([name, makeStub(root)]);
  return entries.sort(([a], [b]) => compareBytes(a, b));
}

function insertName(
  names: ByteString[],
  targets: OrderedInode[],
  entry: { name: ByteString; target: OrderedInode },
): void {
  const next = names.findIndex((name) => name > entry.name);
  const at = next === -1 ? names.length : next;
  names.splice(at, 0, entry.name);
  targets.splice(at, 0, entry.target);
}

function severalNames(name: ByteString): CodedError {
  return new CodedError('EROFS_LIMIT', `the whiteout ${textOf(name)} has several names`, {
    hint: 'overlayfs cannot tell what such a node hides; give each name a node of its own',
  });
}

/** What a directory holds, in the order of the names, beside itself and its parent. */
function ownEntries({ names, targets }: OrderedInode): OrderedInode[] {
  return targets.filter((_, i) => names[i] !== '.' && names[i] !== '..');
}

/** Gives an inode its place. One that has a place keeps it. */
function place(inode: OrderedInode, ordered: OrderedInode[]): void {
  if (inode.number >= 0) return;
  inode.number = ordered.length;
  ordered.push(inode);
}

function orderDepthFirst(root: OrderedInode): OrderedInode[] {
  const ordered: OrderedInode[] = [];
  const pending = [root];
  for (let inode = pending.pop(); inode !== undefined; inode = pending.pop()) {
    place(inode, ordered);
    for (const entry of ownEntries(inode).reverse()) pending.push(entry);
  }
  return ordered;
}

function orderBreadthFirst(root: OrderedInode, hasHardLinks: boolean): OrderedInode[] {
  const homes = hasHardLinks ? findHomes(root) : undefined;
  const ordered: OrderedInode[] = [];
  place(root, ordered);
  const queue = [root];
  for (const directory of queue) {
    for (const inode of ownEntries(directory)) {
      if (inode.node.type === 'directory') queue.push(inode);
      else if (inode.linkCount > 1 && homes?.get(inode) !== directory) continue;
      place(inode, ordered);
    }
  }
  return ordered;
}

/** Where a leaf with several names gets its inode: the directory of the first of them, met depth first. */
function findHomes(root: OrderedInode): Map<OrderedInode, OrderedInode> {
  const homes = new Map<OrderedInode, OrderedInode>();
  const pending = [{ inode: root, home: root }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { inode, home } = next;
    if (inode.node.type === 'directory') {
      for (const entry of ownEntries(inode).reverse()) pending.push({ inode: entry, home: inode });
    } else if (inode.linkCount > 1 && !homes.has(inode)) {
      homes.set(inode, home);
    }
  }
  return homes;
}
