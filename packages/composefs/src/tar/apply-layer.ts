import type { ByteString, Directory, FileContent, Leaf, Node } from '../tree/tree.ts';
import type { TarEntry } from './entries.ts';
import { invalidTar } from './errors.ts';

const whiteoutPrefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';

/**
 * Applies one entry of a layer to the tree of the layers before it, as the OCI image layer specification has it: a
 * later entry replaces an earlier one, a directory keeps what it holds, `.wh.NAME` takes NAME away, `.wh..wh..opq`
 * empties a directory. No parent is made up, and no symlink is followed.
 *
 * @throws CodedError `TAR_INVALID` if the parent or the target of a hard link is missing, or a path leads outside.
 */
export function applyEntry(root: Directory, entry: TarEntry, content: FileContent | undefined): void {
  const path = splitPath(entry.path);
  const name = path.pop();
  if (name === undefined) {
    if (entry.type !== 'directory') throw invalidTar(`the root is a ${entry.type}`);
    root.metadata = entry.metadata;
    return;
  }
  const linked = entry.type === 'hard-link' ? findLinkTarget(root, entry) : undefined;
  const parent = findParent(root, path, entry.path);
  if (name.startsWith(whiteoutPrefix)) {
    if (name === opaqueMarker) parent.entries.clear();
    else parent.entries.delete(name.slice(whiteoutPrefix.length));
    return;
  }
  const existing = parent.entries.get(name);
  if (entry.type === 'directory' && existing?.type === 'directory') existing.metadata = entry.metadata;
  else parent.entries.set(name, linked ?? makeNode(entry, content));
}

// A path in an archive may be absolute, have "." in it and end in slashes; all that says nothing.
function splitPath(path: ByteString): ByteString[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..')) throw invalidTar(`the path ${JSON.stringify(path)} holds ".."`);
  if (path.includes('\0')) throw invalidTar(`the path ${JSON.stringify(path)} holds a NUL byte`);
  return names;
}

function findParent(root: Directory, path: readonly ByteString[], shownPath: ByteString): Directory {
  let directory = root;
  for (const name of path) {
    const node = directory.entries.get(name);
    if (node?.type !== 'directory') {
      const problem = node === undefined ? 'is not in the image' : `is a ${node.type}`;
      throw invalidTar(`${JSON.stringify(name)}, a parent of ${JSON.stringify(shownPath)}, ${problem}`);
    }
    directory = node;
  }
  return directory;
}

function findLinkTarget(root: Directory, entry: TarEntry): Leaf {
  const path = splitPath(entry.linkTarget);
  const name = path.pop();
  const node = name === undefined ? root : findParent(root, path, entry.linkTarget).entries.get(name);
  if (node !== undefined && node.type !== 'directory') return node;
  const problem = node === undefined ? 'which is not in the image' : 'which is a directory';
  throw invalidTar(`${JSON.stringify(entry.path)} is a hard link to ${JSON.stringify(entry.linkTarget)}, ${problem}`);
}

/** The node that an entry stands for; a hard link has one already. */
export function makeNode(entry: TarEntry, content: FileContent | undefined): Node {
  const { metadata, type } = entry;
  switch (type) {
    case 'directory':
      return { type, metadata, entries: new Map() };
    case 'file':
      return { type, metadata, content: content ?? { kind: 'inline', data: new Uint8Array() } };
    case 'symlink':
      return { type, metadata, target: entry.linkTarget };
    case 'char-device':
    case 'block-device':
      return { type, metadata, device: entry.device };
    case 'fifo':
      return { type, metadata };
    case 'hard-link':
      throw new TypeError('a hard link has a node already');
  }
}
