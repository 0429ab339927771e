import type { ByteString, Directory, Leaf, Metadata, Node } from '@workbench/composefs';

/** How one tree differs from another: paths below the root of both, byte strings, a directory before what is in it. */
export interface TreeChanges {
  /** Of a new directory, it and everything below. */
  added: readonly ByteString[];
  /** Attributes, content, link target or type differ. Times do not count. */
  modified: readonly ByteString[];
  /** Of a removed directory only itself. */
  removed: readonly ByteString[];
}

/**
 * Compares what a system has with what its image gave it. Sockets, fifos and devices are passed over: a program made them,
 * and makes them again.
 */
export function compareTrees(pristine: Directory, current: Directory): TreeChanges {
  const added: ByteString[] = [];
  const modified: ByteString[] = [];
  const removed: ByteString[] = [];
  const compare = (before: Directory | undefined, now: Directory, prefix: string): void => {
    for (const [name, node] of comparableEntries(now)) {
      const path = `${prefix}${name}`;
      const former = comparable(before?.entries.get(name));
      if (former === undefined) added.push(path);
      else if (!isSameNode(former, node)) modified.push(path);
      if (node.type === 'directory') {
        compare(former?.type === 'directory' ? former : undefined, node, `${path}/`);
      }
    }
    if (before === undefined) return;
    for (const [name] of comparableEntries(before)) {
      if (comparable(now.entries.get(name)) === undefined) removed.push(`${prefix}${name}`);
    }
  };
  compare(pristine, current, '');
  return { added, modified, removed };
}

/** A node, unless it is of a kind that is passed over. */
function comparable(node: Node | undefined): Node | undefined {
  const kinds: Node['type'][] = ['directory', 'file', 'symlink'];
  return node !== undefined && kinds.includes(node.type) ? node : undefined;
}

/** Entries that are not passed over, in the order of their names. */
export function comparableEntries(directory: Directory): [ByteString, Node][] {
  return [...directory.entries]
    .filter(([, node]) => comparable(node) !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function isSameNode(a: Node, b: Node): boolean {
  if (a.type !== b.type || !isSameMetadata(a.metadata, b.metadata)) return false;
  if (a.type === 'symlink' && b.type === 'symlink') return a.target === b.target;
  if (a.type === 'file' && b.type === 'file') return isSameContent(a.content, b.content);
  return true;
}

function isSameMetadata(a: Metadata, b: Metadata): boolean {
  if (a.permissions !== b.permissions || a.uid !== b.uid || a.gid !== b.gid) return false;
  if (a.xattrs.size !== b.xattrs.size) return false;
  return [...a.xattrs].every(([name, value]) => {
    const other = b.xattrs.get(name);
    return other !== undefined && Buffer.compare(value, other) === 0;
  });
}

type FileContent = Extract<Leaf, { type: 'file' }>['content'];

function isSameContent(a: FileContent, b: FileContent): boolean {
  if (a.kind === 'inline') return b.kind === 'inline' && Buffer.compare(a.data, b.data) === 0;
  if (b.kind === 'inline' || a.sizeBytes !== b.sizeBytes) return false;
  if (a.kind === 'sparse' || b.kind === 'sparse') return a.kind === b.kind;
  return a.digest === b.digest;
}
