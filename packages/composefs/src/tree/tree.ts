/**
 * The model of a file system that images are made from and read back into: directories whose other nodes ("leaves")
 * may be shared by several names (hard links). Link counts are never stored: they follow from the tree.
 */

/**
 * A byte string (file name, attribute name, symlink target): one UTF-16 code unit per byte, all below 256 (`latin1`).
 * Comparing two with `<` is comparing their bytes.
 */
export type ByteString = string;

/** What every node has. */
export interface Metadata {
  /** The low 12 bits of `st_mode`. */
  permissions: number;
  uid: number;
  gid: number;
  /** Seconds since 1970, and nanoseconds below 10^9. */
  mtimeSeconds: bigint;
  mtimeNanoseconds: number;
  /** Extended attributes: full name to value. Never changed but as a whole, since nodes may have them in common. */
  xattrs: ReadonlyMap<ByteString, Uint8Array>;
}

/** What most nodes have, so that it takes no memory of their own. */
export const noAttributes: ReadonlyMap<ByteString, Uint8Array> = new Map();

/** Content of a regular file. Digests are lower-case hex fs-verity digests of the repository's algorithm. */
export type FileContent =
  | { kind: 'inline'; data: Uint8Array }
  | { kind: 'external'; digest: string; sizeBytes: bigint }
  /** External, known by the path of its object only, so that no digest is demanded when it is read. */
  | { kind: 'external-unverified'; digest: string; sizeBytes: bigint }
  /** A size without content. */
  | { kind: 'sparse'; sizeBytes: bigint };

export type Leaf = { metadata: Metadata } & (
  | { type: 'file'; content: FileContent }
  | { type: 'symlink'; target: ByteString }
  /** `device` is `st_rdev` as the kernel packs it into 32 bits. */
  | { type: 'char-device' | 'block-device'; device: number }
  | { type: 'fifo' | 'socket' }
);

export interface Directory {
  type: 'directory';
  metadata: Metadata;
  /** In any order; whoever writes or prints a tree sorts by name. */
  entries: Map<ByteString, Node>;
}

/** Two names of one file are the same Leaf object. */
export type Node = Directory | Leaf;

/** A directory with all metadata zero and no entries, as an OCI image's tree begins. */
export function emptyDirectory(): Directory {
  return { type: 'directory', metadata: zeroMetadata(), entries: new Map() };
}

/** Metadata that is zero throughout. */
export function zeroMetadata(): Metadata {
  return { permissions: 0, uid: 0, gid: 0, mtimeSeconds: 0n, mtimeNanoseconds: 0, xattrs: noAttributes };
}
