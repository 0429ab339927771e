import { type HashAlgorithm, kernelHashId } from '../fsverity/algorithm.ts';
import { compareBytes } from '../tree/byte-string.ts';
import type { FileContent } from '../tree/tree.ts';
import {
  escapeName,
  metacopyName,
  opaqueMarkers,
  opaqueName,
  redirectName,
  whiteoutMarkers,
  whiteoutsMarkers,
} from './attribute-names.ts';
import { type Attribute, type AttributeTable, compareAttributes } from './attribute-table.ts';
import type { ErofsFormat } from './format.ts';
import type { OrderedInode } from './inode-order.ts';

const empty = new Uint8Array();
const opaqueRootValue = Buffer.from('y');
const opaqueMarkerValue = Buffer.from('x');
const none: readonly Attribute[] = [];

/** What attributes of inodes depend on, beside the inode. */
export interface AttributeContext {
  format: ErofsFormat;
  algorithm: HashAlgorithm;
  table: AttributeTable;
}

/**
 * The attributes of an inode as stored, in the order in which it holds them: those of the node, and those that make overlayfs find
 * the content of a file, show a whiteout, and keep the object store out of the root.
 */
export function collectAttributes(inode: OrderedInode, context: AttributeContext): readonly Attribute[] {
  const { format, table } = context;
  const { node } = inode;
  const { xattrs } = node.metadata;
  const isRoot = inode.number === 0;
  const content = node.type === 'file' && node.content.kind !== 'inline' ? node.content : undefined;
  const hasExtra = isRoot || inode.isEscapedWhiteout || inode.holdsEscapedWhiteout || content !== undefined;
  if (xattrs.size === 0 && !hasExtra) return none;

  const attributes = content === undefined ? [] : contentAttributes(content, context);
  // The two of content are in order.
  if (xattrs.size === 0 && !isRoot && !inode.isEscapedWhiteout && !inode.holdsEscapedWhiteout) return attributes;
  const names = [...xattrs.keys()].sort(compareBytes);
  for (const name of names) attributes.push(table.use(escapeName(name), xattrs.get(name) as Uint8Array));
  if (format === 2) return attributes;

  if (isRoot) attributes.push(table.use(opaqueName, opaqueRootValue));
  if (inode.isEscapedWhiteout) for (const name of whiteoutMarkers) attributes.push(table.use(name, empty));
  if (inode.holdsEscapedWhiteout) {
    for (const name of whiteoutsMarkers) attributes.push(table.use(name, empty));
    if (format === 1) for (const name of opaqueMarkers) attributes.push(table.use(name, opaqueMarkerValue));
  }
  return attributes.sort(compareAttributes);
}

function contentAttributes(content: Exclude<FileContent, { kind: 'inline' }>, context: AttributeContext): Attribute[] {
  if (content.kind === 'sparse') return [context.table.use(metacopyName, empty)];
  const { digest, kind } = content;
  const { algorithm, table } = context;
  return [
    kind === 'external'
      ? table.useKeyed(metacopyName, digest, () => metacopyValue(digest, algorithm))
      : table.use(metacopyName, empty),
    table.useKeyed(redirectName, digest, () => Buffer.from(`/${digest.slice(0, 2)}/${digest.slice(2)}`, 'latin1')),
  ];
}

const metacopyHeadBytes = 4;

/** `struct ovl_metacopy` (Linux, fs/overlayfs/overlayfs.h): version, length, flags, algorithm, digest. */
function metacopyValue(digest: string, algorithm: HashAlgorithm): Uint8Array {
  const bytes = Buffer.alloc(metacopyHeadBytes + digest.length / 2);
  bytes[1] = bytes.length;
  bytes[3] = kernelHashId[algorithm];
  bytes.write(digest, metacopyHeadBytes, 'hex');
  return bytes;
}
