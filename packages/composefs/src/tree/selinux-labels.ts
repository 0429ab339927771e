import { CodedError } from '@workbench/run';
import { compileFileContexts, type FindLabel, type TypeLetter } from './file-contexts.ts';
import { findNode } from './find-node.ts';
import type { ByteString, Directory, Leaf, Node } from './tree.ts';
import { forEachNode, keepAttributes, sortedEntries } from './walk.ts';

const attribute = 'security.selinux';

/** Content of a regular file of the tree, wherever it is kept. */
export type ReadFile = (file: Leaf & { type: 'file' }) => Promise<Uint8Array>;

/** The labels of an SELinux policy. */
export interface Policy {
  findLabel: FindLabel;
  /** Paths that are labelled, with all below them, as if they were others. */
  aliases: ReadonlyMap<ByteString, ByteString>;
}

/**
 * The SELinux policy that a tree is configured with in `/etc/selinux/config`, or undefined where it has none, as Debian's
 * images do.
 *
 * @throws CodedError `SELINUX_POLICY` if the policy it names is missing or cannot be understood.
 */
export async function readPolicy(root: Directory, readFile: ReadFile): Promise<Policy | undefined> {
  const read = async (path: string): Promise<ByteString | undefined> => {
    const node = findNode(root, path);
    return node?.type === 'file' ? Buffer.from(await readFile(node)).toString('latin1') : undefined;
  };
  const type = policyType((await read('etc/selinux/config')) ?? '');
  if (type === undefined) return undefined;

  const base = `etc/selinux/${type}/contexts/files/file_contexts`;
  const main = await read(base);
  if (main === undefined) {
    throw new CodedError('SELINUX_POLICY', `/etc/selinux/config of the image names ${type}, but /${base} is missing`, {
      hint: `install the ${type} policy in the image, or remove /etc/selinux/config from it`,
    });
  }
  const files = [{ name: `/${base}`, text: main }];
  for (const suffix of ['.local', '.homedirs']) {
    const text = await read(base + suffix);
    if (text !== undefined) files.push({ name: `/${base}${suffix}`, text });
  }
  const aliases = new Map<ByteString, ByteString>();
  for (const suffix of ['.subs', '.subs_dist']) {
    for (const line of ((await read(base + suffix)) ?? '').split('\n')) {
      const [from, to] = line.trim().split(/\s+/);
      if (from !== undefined && to !== undefined && !from.startsWith('#')) aliases.set(from, to);
    }
  }
  return { findLabel: compileFileContexts(files), aliases };
}

/** The policy's name in the text of `/etc/selinux/config`: the value of the first `SELINUXTYPE`, in any case. */
function policyType(config: ByteString): ByteString | undefined {
  for (const line of config.split('\n')) {
    const [key, ...value] = line.split('=');
    if (key?.trim().toUpperCase() === 'SELINUXTYPE' && value.length > 0) return value.join('=').trim();
  }
  return undefined;
}

/**
 * Gives every node the label that the policy has for its path, in place, and takes away labels where it has none, which without
 * a policy is everywhere. A leaf whose names get different labels becomes one leaf for each label.
 */
export function labelTree(root: Directory, policy: Policy | undefined): void {
  if (policy === undefined) {
    forEachNode(root, ({ metadata }) => keepAttributes(metadata, isNoLabel));
    return;
  }
  const { findLabel, aliases } = policy;
  const copies = new Map<Leaf, Map<ByteString | undefined, Leaf>>();
  const pending: [ByteString, Directory][] = [['/', root]];
  setLabel(root, findLabel(aliases.get('/') ?? '/', 'd'));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [path, directory] = next;
    for (const [name, child] of sortedEntries(directory)) {
      const real = path === '/' ? `/${name}` : `${path}/${name}`;
      const childPath = aliases.get(real) ?? real;
      const label = findLabel(childPath, typeLetter(child));
      if (child.type === 'directory') {
        setLabel(child, label);
        pending.push([childPath, child]);
      } else {
        directory.entries.set(name, labelledLeaf(child, label, copies));
      }
    }
  }
}

function labelledLeaf(
  leaf: Leaf,
  label: ByteString | undefined,
  copies: Map<Leaf, Map<ByteString | undefined, Leaf>>,
): Leaf {
  const byLabel = copies.get(leaf);
  if (byLabel === undefined) {
    setLabel(leaf, label);
    copies.set(leaf, new Map([[label, leaf]]));
    return leaf;
  }
  const known = byLabel.get(label);
  if (known !== undefined) return known;
  const copy: Leaf = { ...leaf, metadata: { ...leaf.metadata } };
  setLabel(copy, label);
  byLabel.set(label, copy);
  return copy;
}

function setLabel({ metadata }: Node, label: ByteString | undefined): void {
  if (label === undefined) keepAttributes(metadata, isNoLabel);
  else metadata.xattrs = new Map(metadata.xattrs).set(attribute, Buffer.from(label, 'latin1'));
}

function isNoLabel(name: ByteString): boolean {
  return name !== attribute;
}

const typeLetters = {
  directory: 'd',
  file: '-',
  symlink: 'l',
  'char-device': 'c',
  'block-device': 'b',
  fifo: 'p',
  socket: 's',
} as const satisfies Record<Node['type'], TypeLetter>;

function typeLetter(node: Node): TypeLetter {
  return typeLetters[node.type];
}
