import type { ByteString, Metadata } from '../tree/tree.ts';
import { invalidTar } from './errors.ts';
import { createExtensionCollector, type Extensions } from './extensions.ts';
import { blockBytes, isZeroBlock, parseHeader, type TarHeader } from './header.ts';

export type TarEntryType = 'file' | 'hard-link' | 'symlink' | 'char-device' | 'block-device' | 'directory' | 'fifo';

/** One entry of an archive, extension headers applied. */
export interface TarEntry {
  /** As the archive has it: may be absolute, hold `.` or end in a slash. */
  path: ByteString;
  type: TarEntryType;
  /** Of hard links and symlinks. */
  linkTarget: ByteString;
  /** Of files; 0 for all else. */
  sizeBytes: number;
  metadata: Metadata;
  /** Of devices, as `st_rdev` packs it into 32 bits. */
  device: number;
}

/** Where the bytes of an archive come from. */
export interface TarInput {
  /** The next bytes: as many as asked for, or fewer at the end of the archive. */
  take(length: number): Promise<Buffer>;
}

const types: Readonly<Record<string, TarEntryType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hard-link',
  '2': 'symlink',
  '3': 'char-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
};

/**
 * Reads the entries of an archive in order. The content of a file that is not empty has to be consumed from the input
 * by `takeContent`, all of it; what that gives comes with the entry. The padding is taken here. Stops after the two
 * zero blocks, or where the archive ends.
 *
 * @throws CodedError `TAR_INVALID` for a damaged archive, for sparse files, for types that an image cannot have.
 */
export async function* readTarEntries<Content>(
  input: TarInput,
  takeContent: (entry: TarEntry) => Promise<Content>,
): AsyncGenerator<{ entry: TarEntry; content: Content | undefined }> {
  const extensions = createExtensionCollector();
  for (;;) {
    const block = await input.take(blockBytes);
    if (block.length === 0) return;
    if (block.length < blockBytes) throw invalidTar('it ends inside a header');
    if (isZeroBlock(block)) {
      const next = await input.take(blockBytes);
      if (next.length < blockBytes || isZeroBlock(next)) return;
      throw invalidTar('a single zero block is followed by more');
    }
    const header = parseHeader(block);
    if (extensions.expects(header)) {
      extensions.add(header, await takeWhole(input, header.sizeBytes));
      await takePadding(input, header.sizeBytes);
      continue;
    }
    const entry = makeEntry(header, extensions.take());
    const content = entry.sizeBytes === 0 ? undefined : await takeContent(entry);
    await takePadding(input, entry.sizeBytes);
    yield { entry, content };
  }
}

/** As many bytes as asked for. @throws CodedError `TAR_INVALID` if the archive ends before. */
export async function takeWhole(input: TarInput, length: number): Promise<Buffer> {
  const bytes = await input.take(length);
  if (bytes.length === length) return bytes;
  throw invalidTar('it ends inside an entry');
}

async function takePadding(input: TarInput, length: number): Promise<void> {
  const rest = length % blockBytes;
  if (rest !== 0) await takeWhole(input, blockBytes - rest);
}

function makeEntry(header: TarHeader, extensions: Extensions): TarEntry {
  const path = extensions.path ?? header.name;
  const type = types[header.typeFlag];
  if (path === '') throw invalidTar('an entry has an empty path');
  const fail = (problem: (shown: string) => string) => invalidTar(problem(JSON.stringify(path)));
  if (header.typeFlag === 'S') throw fail((shown) => `${shown} is a sparse file`);
  if (type === undefined) throw fail((shown) => `${shown} has the unknown type ${JSON.stringify(header.typeFlag)}`);
  const sizeBytes = extensions.sizeBytes ?? header.sizeBytes;
  if (!Number.isSafeInteger(sizeBytes)) throw fail((shown) => `the size of ${shown} does not fit`);
  // Programs disagree on whether content follows then, so that they would see different archives.
  if (type !== 'file' && sizeBytes !== 0) throw fail((shown) => `${shown} is a ${type} with content`);
  if (extensions.mtime !== undefined && 'text' in extensions.mtime) throw beforeEpoch(path, extensions.mtime.text);
  const metadata: Metadata = {
    permissions: header.mode & 0o7777,
    uid: Number(BigInt.asUintN(32, extensions.uid ?? header.uid)),
    gid: Number(BigInt.asUintN(32, extensions.gid ?? header.gid)),
    mtimeSeconds: extensions.mtime?.seconds ?? header.mtimeSeconds,
    mtimeNanoseconds: extensions.mtime?.nanoseconds ?? 0,
    xattrs: extensions.xattrs,
  };
  const linkTarget = extensions.linkPath ?? header.linkName;
  return { path, type, linkTarget, sizeBytes, metadata, device: packDevice(header, fail) };
}

function beforeEpoch(path: ByteString, time: string): Error {
  const problem = `the time of ${JSON.stringify(path)}, ${time}, lies before 1970`;
  return invalidTar(problem, 'give that file a later time (touch) where the image is built, and build it anew');
}

function packDevice(
  { deviceMajor, deviceMinor }: TarHeader,
  fail: (problem: (shown: string) => string) => Error,
): number {
  if (deviceMajor >= 1 << 12 || deviceMinor >= 1 << 20) {
    throw fail((shown) => `the device number of ${shown} does not fit`);
  }
  return ((deviceMinor & 0xff) | (deviceMajor << 8) | ((deviceMinor >>> 8) << 20)) >>> 0;
}
