import type { ByteString, Directory } from './tree.ts';
import { forEachNode, keepAttributes } from './walk.ts';

/** What is left out of a tree. */
export interface Simplification {
  'use-epoch': boolean;
  'skip-devices': boolean;
  'skip-xattrs': boolean;
  'user-xattrs': boolean;
}

/** Leaves out of a tree, in place, what an image shall not have: times, devices, extended attributes. */
export function simplifyTree(root: Directory, what: Simplification): void {
  const keeps = (name: ByteString) => !what['skip-xattrs'] && (!what['user-xattrs'] || name.startsWith('user.'));
  forEachNode(root, (node) => {
    const { metadata } = node;
    if (what['use-epoch']) {
      metadata.mtimeSeconds = 0n;
      metadata.mtimeNanoseconds = 0;
    }
    keepAttributes(metadata, keeps);
    if (node.type !== 'directory' || !what['skip-devices']) return;
    for (const [name, { type }] of node.entries) {
      if (type === 'char-device' || type === 'block-device') node.entries.delete(name);
    }
  });
}
