import { type BigIntStats, closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { listAttributes, readAttribute } from '../syscalls/extended-attributes.ts';
import { byteString } from './byte-string.ts';
import { type ByteString, type Directory, type Leaf, type Metadata, noAttributes } from './tree.ts';

/** Files up to this size are kept in the image itself. */
export const inlineLimitBytes = 64;

const mostFilesAtOnce = 128;

/** How a directory is read. */
export interface ScanOptions {
  /**
   * Called for each file above {@link inlineLimitBytes}, once however many names it has; it gives the file's digest, and may
   * store its content. The path is bytes, since names need not be text. Up to {@link mostFilesAtOnce} calls are under
   * way at the same time.
   */
  digestFile: (path: Buffer, sizeBytes: number) => Promise<string>;
  /** Whether two names of one file stay one leaf; otherwise each gets a leaf of its own. Default: true. */
  keepHardLinks?: boolean;
}

/**
 * The tree of a directory on disk: all attributes that the caller may list, times to the nanosecond. Mount points below are
 * entered.
 *
 * @throws a system error when something cannot be read or vanishes meanwhile; whatever `digestFile` throws.
 */
export async function scanDirectory(path: string, options: ScanOptions): Promise<Directory> {
  const linked = new Map<string, Leaf>();
  const keepHardLinks = options.keepHardLinks ?? true;
  const digests = createDigestQueue(options.digestFile);

  const findOrReadLeaf = (leafPath: Buffer, stats: BigIntStats): { leaf: Leaf; isNew: boolean } => {
    const key = stats.nlink > 1n && keepHardLinks ? `${stats.dev}:${stats.ino}` : undefined;
    const known = key === undefined ? undefined : linked.get(key);
    if (known !== undefined) return { leaf: known, isNew: false };
    const leaf = readLeaf(leafPath, stats);
    if (key !== undefined) linked.set(key, leaf);
    return { leaf, isNew: true };
  };
  const scan = async (directoryPath: ByteString, stats: BigIntStats): Promise<Directory> => {
    const pathBytes = Buffer.from(directoryPath, 'latin1');
    const metadata = readMetadata(pathBytes, stats);
    const directory: Directory = { type: 'directory', metadata, entries: new Map() };
    for (const name of readdirSync(pathBytes, { encoding: 'latin1' })) {
      const childPath = `${directoryPath}/${name}`;
      const childBytes = Buffer.from(childPath, 'latin1');
      const childStats = lstatSync(childBytes, { bigint: true });
      if (childStats.isDirectory()) {
        directory.entries.set(name, await scan(childPath, childStats));
        continue;
      }
      const { leaf, isNew } = findOrReadLeaf(childBytes, childStats);
      directory.entries.set(name, leaf);
      if (isNew && isExternal(leaf)) await digests.add(childBytes, childStats.size, leaf);
    }
    return directory;
  };
  const root = await scan(byteString(path), lstatSync(path, { bigint: true }));
  await digests.finish();
  return root;
}

/** Lets several digests be computed while the directory is read on. */
function createDigestQueue(digestFile: ScanOptions['digestFile']) {
  let underWay = 0;
  let failure: { error: unknown } | undefined;
  let wake = (): void => {};
  const waitUntil = async (isDone: () => boolean): Promise<void> => {
    while (!isDone() && failure === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (failure !== undefined) throw failure.error;
  };
  const compute = async (path: Buffer, sizeBytes: bigint, leaf: Leaf & { type: 'file' }): Promise<void> => {
    try {
      leaf.content = { kind: 'external', digest: await digestFile(path, Number(sizeBytes)), sizeBytes };
    } catch (error) {
      failure ??= { error };
    }
    underWay -= 1;
    wake();
  };
  return {
    async add(path: Buffer, sizeBytes: bigint, leaf: Leaf & { type: 'file' }): Promise<void> {
      await waitUntil(() => underWay < mostFilesAtOnce);
      underWay += 1;
      void compute(path, sizeBytes, leaf);
    },
    finish: () => waitUntil(() => underWay === 0),
  };
}

// The digest of a file that is not kept in the image itself comes later.
function readLeaf(path: Buffer, stats: BigIntStats): Leaf {
  const metadata = readMetadata(path, stats);
  if (stats.isSymbolicLink()) {
    const target: ByteString = readlinkSync(path, { encoding: 'buffer' }).toString('latin1');
    return { metadata, type: 'symlink', target };
  }
  if (stats.isFile()) {
    if (stats.size <= inlineLimitBytes) {
      return { metadata, type: 'file', content: { kind: 'inline', data: readSmallFile(path, Number(stats.size)) } };
    }
    return { metadata, type: 'file', content: { kind: 'external', digest: '', sizeBytes: stats.size } };
  }
  if (stats.isFIFO()) return { metadata, type: 'fifo' };
  if (stats.isSocket()) return { metadata, type: 'socket' };
  return {
    metadata,
    type: stats.isBlockDevice() ? 'block-device' : 'char-device',
    device: Number(BigInt.asUintN(32, stats.rdev)),
  };
}

function isExternal(leaf: Leaf): leaf is Leaf & { type: 'file' } {
  return leaf.type === 'file' && leaf.content.kind === 'external';
}

const noData = new Uint8Array();
const storeBytes = 64 * 1024;
// What is kept lies together: in memory that it had in common with passing things, such as paths, it would keep these too.
let store = new Uint8Array();
let storedBytes = 0;

// There are many of them, and Node's own reading of a whole file asks for its size once more.
function readSmallFile(path: Buffer, sizeBytes: number): Uint8Array {
  if (sizeBytes === 0) return noData;
  if (storedBytes + sizeBytes > store.length) {
    store = new Uint8Array(storeBytes);
    storedBytes = 0;
  }
  const fd = openSync(path, 'r');
  try {
    const start = storedBytes;
    storedBytes += readSync(fd, store, start, sizeBytes, 0);
    return store.subarray(start, storedBytes);
  } finally {
    closeSync(fd);
  }
}

const nanosecondsPerSecond = 1_000_000_000n;
// Most files of a tree were made in the same second as the one before.
let lastSeconds = 0n;

function readMetadata(path: Buffer, stats: BigIntStats): Metadata {
  // Nanoseconds count forward also before 1970, so the seconds are rounded down.
  const mtimeNanoseconds = ((stats.mtimeNs % nanosecondsPerSecond) + nanosecondsPerSecond) % nanosecondsPerSecond;
  const mtimeSeconds = (stats.mtimeNs - mtimeNanoseconds) / nanosecondsPerSecond;
  if (mtimeSeconds !== lastSeconds) lastSeconds = mtimeSeconds;
  return {
    permissions: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtimeSeconds: lastSeconds,
    mtimeNanoseconds: Number(mtimeNanoseconds),
    xattrs: readAttributes(path),
  };
}

function readAttributes(path: Buffer): Metadata['xattrs'] {
  const names = listAttributes(path);
  if (names.length === 0) return noAttributes;
  const xattrs = new Map<ByteString, Uint8Array>();
  for (const name of names) {
    const value = readAttribute(path, name);
    if (value !== undefined) xattrs.set(name, value);
  }
  return xattrs;
}
