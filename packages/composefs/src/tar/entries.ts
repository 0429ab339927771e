import type { ByteString, Metadata } from '../tree/tree.ts';
import { invalidTar } from './errors.ts';
import { createExtensionCollector, type ExtensionCollector, type Extensions, noExtensions } from './extensions.ts';
import { blockBytes, isExtension, isZeroBlock, parseHeader, type TarHeader } from './header.ts';

export type TarEntryType = 'file' | 'hard-link' | 'symlink' | 'char-device' | 'block-device' | 'directory' | 'fifo';

/** One entry of an archive, extension headers applied. */
export interface TarEntry {
  /** As the archive has it: may be absolute, hold `.` or end in a slash. */
  path: ByteString;
  type: TarEntryType;
  /** Of hard links and symlinks. */
  linkTarget: ByteString;
  /** Bytes that follow the headers, padding left out; of a file its content, of all else without meaning. */
  sizeBytes: number;
  metadata: Metadata;
  /** Of devices, as `st_rdev` packs it into 32 bits. */
  device: number;
}

/** What stands at a place of an archive, as far as it is at hand. */
export type TarStep =
  | { kind: 'entry'; entry: TarEntry; headerBytes: number }
  /** A global extension header, which says nothing of any file. */
  | { kind: 'global'; headerBytes: number }
  /** The zero blocks; what follows them is no part of it. */
  | { kind: 'end'; headerBytes: number }
  /** More has to be at hand to tell. */
  | { kind: 'incomplete' };

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

const incomplete: TarStep = { kind: 'incomplete' };

/**
 * Reads the headers of the entry that begins at a place of an archive: its own, and the extension headers before it. Its content
 * follows them, padded to whole blocks. As cfsctl has it, a single zero block says nothing, and two are the end; a global extension
 * header makes extension headers before it void.
 *
 * @param bytes all of the archive that is at hand.
 * @throws CodedError `TAR_INVALID` for a damaged archive, for sparse files, for types that an image cannot have.
 */
export function readEntry(bytes: Buffer, start: number): TarStep {
  let collector: ExtensionCollector | undefined;
  let at = start;
  for (;;) {
    const block = takeBlock(bytes, at);
    if (block === undefined) return incomplete;
    at += blockBytes;
    if (isZeroBlock(block)) {
      const next = takeBlock(bytes, at);
      if (next === undefined) return incomplete;
      if (!isZeroBlock(next)) continue;
      if (collector !== undefined) throw invalidTar('it ends after an extension header');
      return { kind: 'end', headerBytes: at + blockBytes - start };
    }
    const header = parseHeader(block);
    if (!isExtension(header)) {
      const entry = makeEntry(header, collector === undefined ? noExtensions : collector.take());
      return { kind: 'entry', entry, headerBytes: at - start };
    }
    collector ??= createExtensionCollector();
    collector.expect(header);
    const end = at + paddedBytes(header.sizeBytes);
    if (end > bytes.length) return incomplete;
    if (header.typeFlag === 'g') return { kind: 'global', headerBytes: end - start };
    collector.add(header, bytes.subarray(at, at + header.sizeBytes));
    at = end;
  }
}

/** Size of content in an archive, with its padding. */
export function paddedBytes(sizeBytes: number): number {
  return Math.ceil(sizeBytes / blockBytes) * blockBytes;
}

function takeBlock(bytes: Buffer, at: number): Buffer | undefined {
  return bytes.length - at < blockBytes ? undefined : bytes.subarray(at, at + blockBytes);
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
  if (extensions.mtime !== undefined && 'text' in extensions.mtime) throw beforeEpoch(path, extensions.mtime.text);
  const metadata: Metadata = {
    permissions: header.mode & 0o7777,
    uid: low32(extensions.uid ?? header.uid),
    gid: low32(extensions.gid ?? header.gid),
    mtimeSeconds: extensions.mtime?.seconds ?? header.mtimeSeconds,
    mtimeNanoseconds: extensions.mtime?.nanoseconds ?? 0,
    xattrs: extensions.xattrs,
  };
  const linkTarget = extensions.linkPath ?? header.linkName;
  return { path, type, linkTarget, sizeBytes, metadata, device: packDevice(header, fail) };
}

// Numbers that are no BigInt have eight octal digits at most.
function low32(value: number | bigint): number {
  return typeof value === 'number' ? value : Number(BigInt.asUintN(32, value));
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
