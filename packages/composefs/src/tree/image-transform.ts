import { CodedError } from '@workbench/run';
import type { ByteString, Directory, Metadata } from './tree.ts';
import { forEachNode, keepAttributes } from './walk.ts';

/** What there is to say of which extended attributes an image keeps: only `security.capability`, or `user.*` as well. */
export const attributePolicies = ['allowlist-only', 'keep-user-xattrs'] as const;

/** One of {@link attributePolicies}. */
export type AttributePolicy = (typeof attributePolicies)[number];

/**
 * Makes the tree of a container image independent of how it was built, in place: layers say nothing reliable about the root
 * directory, `/run` holds what the build left there, and most attributes come from the build machine.
 *
 * The root takes the metadata of `/usr`; `/run` is emptied and takes the time of `/usr`; attributes are reduced by the
 * policy. Apply it exactly once, before {@link transformForBoot}.
 *
 * @throws CodedError `TREE_NOT_A_ROOT` if `/usr` is missing, or it or `/run` is no directory.
 */
export function transformImageTree(root: Directory, policy: AttributePolicy = 'allowlist-only'): void {
  const usr = requireDirectory(root, 'usr');
  root.metadata = { ...usr.metadata };
  if (root.entries.has('run')) emptyDirectoryOf(requireDirectory(root, 'run'), usr.metadata);
  const keeps = (name: ByteString) =>
    name === 'security.capability' || (policy === 'keep-user-xattrs' && name.startsWith('user.'));
  forEachNode(root, ({ metadata }) => keepAttributes(metadata, keeps));
}

/** A directory in the root. @throws CodedError `TREE_NOT_A_ROOT` if there is none of that name. */
export function requireDirectory(root: Directory, name: string): Directory {
  const node = root.entries.get(name);
  if (node?.type === 'directory') return node;
  const problem = node === undefined ? 'is missing' : `is a ${node.type}`;
  throw new CodedError('TREE_NOT_A_ROOT', `/${name} of the image ${problem}; it has to be a directory`, {
    hint: `the image is not the root of an operating system; add /${name} as a directory to it`,
  });
}

/** Empties a directory whose content belongs to the running system, and gives it another node's time of change. */
export function emptyDirectoryOf(directory: Directory, timeOf: Metadata): void {
  directory.entries.clear();
  directory.metadata.mtimeSeconds = timeOf.mtimeSeconds;
  directory.metadata.mtimeNanoseconds = timeOf.mtimeNanoseconds;
}
