import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { listAttributes, readAttribute } from '../syscalls/extended-attributes.ts';
import type { ByteString, Directory, Leaf, Metadata } from './tree.ts';

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

  const scanLeaf = async (leafPath: Buffer, stats: BigIntStats): Promise<Leaf> => {
    const key = stats.nlink > 1n && keepHardLinks ? `${stats.dev}:${stats.ino}` : undefined;
    const known = key === undefined ? undefined : linked.get(key);
    if (known !== undefined) return known;
    const leaf = readLeaf(leafPath, stats);
    if (leaf.type === 'file' && stats.size > inlineLimitBytes) await digests.add(leafPath, stats.size, leaf);
    if (key !== undefined) linked.set(key, leaf);
    return leaf;
  };
  const scan = async (directoryPath: Buffer, stats: BigIntStats): Promise<Directory> => {
    const directory: Directory = {
      type: 'directory',
      metadata: readMetadata(directoryPath, stats),
      entries: new Map(),
    };
    for (const name of readdirSync(directoryPath, { encoding: 'buffer' })) {
      const childPath = Buffer.concat([directoryPath, Buffer.from('/'), name]);
      const childStats = lstatSync(childPath, { bigint: true });
      const child = await (childStats.isDirectory() ? scan(childPath, childStats) : scanLeaf(childPath, childStats));
      directory.entries.set(name.toString('latin1'), child);
    }
    return directory;
  };
  const rootPath = Buffer.from(path);
  const root = await scan(rootPath, lstatSync(rootPath, { bigint: true }));
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
      return { metadata, type: 'file', content: { kind: 'inline', data: readFileSync(path) } };
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

const nanosecondsPerSecond = 1_000_000_000n;

function readMetadata(path: Buffer, stats: BigIntStats): Metadata {
  const xattrs = new Map<ByteString, Uint8Array>();
  for (const name of listAttributes(path)) {
    const value = readAttribute(path, name);
    if (value !== undefined) xattrs.set(name, value);
  }
  // Nanoseconds count forward also before 1970, so the seconds are rounded down.
  const mtimeNanoseconds = ((stats.mtimeNs % nanosecondsPerSecond) + nanosecondsPerSecond) % nanosecondsPerSecond;
  return {
    permissions: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtimeSeconds: (stats.mtimeNs - mtimeNanoseconds) / nanosecondsPerSecond,
    mtimeNanoseconds: Number(mtimeNanoseconds),
    xattrs,
  };
}
