import type { ByteString, Directory, Leaf, Metadata, Node } from '../tree/tree.ts';
import { selinuxName } from './attribute-names.ts';

const stubPermissions = 0o644;

/**
 * The 256 names `00` to `ff`, which formats 0 and 1 put into the root as whiteouts: a kernel without data-only lower
 * layers would show the directories of the object store there.
 */
export const stubNames: readonly ByteString[] = Array.from({ length: 256 }, (_, index) =>
  index.toString(16).padStart(2, '0'),
);

/** Whether a name in the root is one of {@link stubNames}. */
export function isStubName(name: ByteString): boolean {
  return /^[0-9a-f]{2}$/.test(name);
}

/** A stub as the root's metadata makes it. */
export function makeStub(root: Directory): Leaf {
  const { uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs } = root.metadata;
  const label = xattrs.get(selinuxName);
  const metadata: Metadata = {
    permissions: stubPermissions,
    uid,
    gid,
    mtimeSeconds,
    mtimeNanoseconds,
    xattrs: new Map(label === undefined ? [] : [[selinuxName, label]]),
  };
  return { type: 'char-device', device: 0, metadata };
}

/** Whether a node is a whiteout of overlayfs. */
export function isWhiteout(node: Node): boolean {
  return node.type === 'char-device' && node.device === 0;
}

/** Whether an entry of the root is a stub: made as one, or of the input but not to be told from one. */
export function isStub(name: ByteString, node: Node, root: Directory): boolean {
  if (!isStubName(name) || !isWhiteout(node)) return false;
  const is = node.metadata;
  const stub = makeStub(root).metadata;
  const label = is.xattrs.get(selinuxName);
  const stubLabel = stub.xattrs.get(selinuxName);
  return (
    is.permissions === stub.permissions &&
    is.uid === stub.uid &&
    is.gid === stub.gid &&
    is.mtimeSeconds === stub.mtimeSeconds &&
    is.mtimeNanoseconds === stub.mtimeNanoseconds &&
    is.xattrs.size === stub.xattrs.size &&
    (stubLabel === undefined || (label !== undefined && Buffer.compare(label, stubLabel) === 0))
  );
}
