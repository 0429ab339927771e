import type { ByteString, Directory, Leaf, Metadata, Node } from '../tree/tree.ts';
import { countDirectoryLinks, countLinks, walkTree } from '../tree/walk.ts';
import { escapeAttribute, escapeField } from './escape.ts';

/**
 * The dumpfile (composefs-dump(5)) of a tree, byte for byte as composefs-rs writes it: depth first, entries in byte order, pure
 * ASCII, each line ending with a newline. Further names of a leaf refer to its first one.
 *
 * @param part prints this node and what is below it only; its path is absolute.
 */
export function writeDumpfile(
  root: Directory,
  part: { path: ByteString; node: Node } = { path: '/', node: root },
): string {
  const links = countLinks(root);
  const firstPaths = new Map<Leaf, ByteString>();
  const lines: string[] = [];
  if (part.node.type !== 'directory') return formatNode(part.path, part.node, links.get(part.node) ?? 1);
  const prefix = part.path.endsWith('/') ? part.path.slice(0, -1) : part.path;
  walkTree(part.node, (below, node) => {
    const path = below === '/' ? part.path : prefix + below;
    if (node.type === 'directory') {
      lines.push(formatNode(path, node, countDirectoryLinks(node)));
      return;
    }
    const linkCount = links.get(node) ?? 1;
    const firstPath = linkCount > 1 ? firstPaths.get(node) : undefined;
    if (firstPath !== undefined) {
      lines.push(formatHardLink(path, firstPath));
      return;
    }
    if (linkCount > 1) firstPaths.set(node, path);
    lines.push(formatNode(path, node, linkCount));
  });
  return lines.join('');
}

/** The line of a further name of a leaf. */
export function formatHardLink(path: ByteString, firstPath: ByteString): string {
  return `${escapeField(path)} 0 @120000 - - - - 0.0 ${escapeField(firstPath)} - -\n`;
}

/** The line of a node. */
export function formatNode(path: ByteString, node: Node, linkCount: number): string {
  const { metadata } = node;
  const { mode, sizeBytes, device, payload, content, digest } = describe(node);
  const fields = [
    escapeField(path),
    sizeBytes,
    ((mode | metadata.permissions) >>> 0).toString(8),
    linkCount,
    metadata.uid,
    metadata.gid,
    device,
    `${metadata.mtimeSeconds}.${metadata.mtimeNanoseconds}`,
    payload,
    content,
    digest,
  ];
  return `${fields.join(' ')}${formatAttributes(metadata)}\n`;
}

interface Description {
  mode: number;
  sizeBytes: number | bigint;
  device: number;
  payload: string;
  content: string;
  digest: string;
}

function describe(node: Node): Description {
  const plain = { sizeBytes: 0, device: 0, payload: '-', content: '-', digest: '-' };
  switch (node.type) {
    case 'directory':
      return { ...plain, mode: 0o040000 };
    case 'symlink':
      return { ...plain, mode: 0o120000, sizeBytes: node.target.length, payload: escapeField(node.target) };
    case 'char-device':
      return { ...plain, mode: 0o020000, device: node.device };
    case 'block-device':
      return { ...plain, mode: 0o060000, device: node.device };
    case 'fifo':
      return { ...plain, mode: 0o010000 };
    case 'socket':
      return { ...plain, mode: 0o140000 };
    case 'file': {
      const file = { ...plain, mode: 0o100000 };
      const { content } = node;
      if (content.kind === 'inline') {
        return { ...file, sizeBytes: content.data.length, content: escapeField(latin1(content.data)) };
      }
      if (content.kind === 'sparse') return { ...file, sizeBytes: content.sizeBytes };
      const { digest, sizeBytes } = content;
      return { ...file, sizeBytes, payload: `${digest.slice(0, 2)}/${digest.slice(2)}`, digest };
    }
  }
}

function formatAttributes({ xattrs }: Metadata): string {
  if (xattrs.size === 0) return '';
  return [...xattrs.keys()]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => ` ${escapeAttribute(name)}=${escapeAttribute(latin1(xattrs.get(name) as Uint8Array))}`)
    .join('');
}

function latin1(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
