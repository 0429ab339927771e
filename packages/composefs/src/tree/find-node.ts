import { byteString } from './byte-string.ts';
import type { Directory, Node } from './tree.ts';

/**
 * The node at a path such as `usr/lib/os-release` (text; a leading slash changes nothing, an empty path is the root), or
 * undefined. Symlinks are not followed.
 */
export function findNode(root: Directory, path: string): Node | undefined {
  let node: Node | undefined = root;
  for (const name of byteString(path).split('/')) {
    if (name === '') continue;
    if (node?.type !== 'directory') return undefined;
    node = node.entries.get(name);
  }
  return node;
}
