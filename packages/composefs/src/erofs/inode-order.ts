import { CodedError } from '@workbench/run';
import { textOf } from '../tree/byte-string.ts';
import type { ByteString, Directory, Leaf, Node } from '../tree/tree.ts';
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
  /** What a directory holds, in the order of the names, beside itself and its parent. */
  own: readonly OrderedInode[];
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
    const entries = directory === root && format !== 2 ? withStubs(root) : directory.entries;
    const own: OrderedInode[] = [];
    const ownNames = [...entries.keys()].sort();
    for (const name of ownNames) {
      const node = entries.get(name) as Node;
      const target = inodeOf(node);
      own.push(target);
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
    // Beside these two, few names begin with a byte that is so low.
    const [self, above] = ['.', '..'].map((dots) => countBelow(ownNames, dots)) as [number, number];
    inode.own = own;
    inode.names = [...ownNames.slice(0, self), '.', ...ownNames.slice(self, above), '..', ...ownNames.slice(above)];
    inode.targets = [...own.slice(0, self), inode, ...own.slice(self, above), parent, ...own.slice(above)];
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
    own: none,
    number: -1,
  };
}

function withStubs(root: Directory): ReadonlyMap<ByteString, Node> {
  const entries = new Map(root.entries);
  for (const name of stubNames) if (!entries.has(name)) entries.set(name, makeStub(root));
  return entries;
}

function countBelow(sortedNames: readonly ByteString[], limit: ByteString): number {
  let count = 0;
  while (count < sortedNames.length && (sortedNames[count] as ByteString) < limit) count++;
  return count;
}

function severalNames(name: ByteString): CodedError {
  return new CodedError('EROFS_LIMIT', `the whiteout ${textOf(name)} has several names`, {
    hint: 'overlayfs cannot tell what such a node hides; give each name a node of its own',
  });
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
    for (let i = inode.own.length - 1; i >= 0; i--) pending.push(inode.own[i] as OrderedInode);
  }
  return ordered;
}

function orderBreadthFirst(root: OrderedInode, hasHardLinks: boolean): OrderedInode[] {
  const homes = hasHardLinks ? findHomes(root) : undefined;
  const ordered: OrderedInode[] = [];
  place(root, ordered);
  const queue = [root];
  for (const directory of queue) {
    for (const inode of directory.own) {
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
      for (let i = inode.own.length - 1; i >= 0; i--)
        pending.push({ inode: inode.own[i] as OrderedInode, home: inode });
    } else if (inode.linkCount > 1 && !homes.has(inode)) {
      homes.set(inode, home);
    }
  }
  return homes;
}
