import { CodedError } from '@workbench/run';
import { digestBytes, type HashAlgorithm, parseDigest } from '../fsverity/algorithm.ts';
import { type ByteString, type FileContent, type Leaf, type Metadata, noAttributes } from '../tree/tree.ts';
import { unescapeField } from './escape.ts';

/** What one line of a dumpfile says. A hard link gives a further name to an earlier leaf. */
export type Entry = { path: ByteString } & (
  | { kind: 'hard-link'; target: ByteString }
  | { kind: 'directory'; metadata: Metadata }
  | { kind: 'leaf'; leaf: Leaf }
);

/** What lines are held to. */
export interface EntryLimits {
  algorithm: HashAlgorithm;
  symlinkBytes: number;
  inlineBytes: number;
}

const longestPathBytes = 4096;
const longestNameBytes = 255;
const longestValueBytes = 65535;
const typeMask = 0o170000;
const typeBits = {
  regular: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  charDevice: 0o020000,
  blockDevice: 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
};

/**
 * Understands one line of a dumpfile (composefs-dump(5)), given as its fields, which single spaces separate.
 *
 * @throws CodedError `DUMPFILE_INVALID` or `VERITY_DIGEST`, saying what is wrong but not in which line.
 */
export function parseEntry(fields: readonly string[], limits: EntryLimits): Entry {
  const [pathField, sizeField, modeField, linksField, uidField, gidField, deviceField, timeField, ...rest] = fields;
  const [payloadField, contentField, digestField, ...attributes] = rest;
  const path = parsePath(present(pathField, 'path'));
  const sizeBytes = parseUnsigned(present(sizeField, 'size'), 64, 'size');
  const [modeText, linkMode] = present(modeField, 'mode').split('@', 2) as [string, string?];
  const mode = parseMode(linkMode ?? modeText);
  if (linkMode !== undefined) {
    if ((mode & typeMask) === typeBits.directory) throw invalid('a directory cannot be a hard link');
    present(timeField, 'mtime');
    return { path, kind: 'hard-link', target: parsePath(present(payloadField, 'payload')) };
  }
  const links = Number(parseUnsigned(present(linksField, 'nlink'), 32, 'nlink'));
  const metadata: Metadata = {
    permissions: mode & 0o7777,
    uid: Number(parseUnsigned(present(uidField, 'uid'), 32, 'uid')),
    gid: Number(parseUnsigned(present(gidField, 'gid'), 32, 'gid')),
    ...parseTime(present(timeField, 'mtime')),
    xattrs: parseAttributes(attributes),
  };
  const device = parseUnsigned(present(deviceField, 'rdev'), 64, 'rdev');
  // Not unescaped before they are wanted: what is ignored may be anything.
  const payload = optional(payloadField, 'payload');
  const content = optional(contentField, 'content');
  const digest = optional(digestField, 'digest');

  const type = mode & typeMask;
  const isDevice = type === typeBits.charDevice || type === typeBits.blockDevice;
  if (!isDevice && device !== 0n) throw invalid(`only a device has an rdev, not ${device}`);
  if (type === typeBits.regular) {
    const parts = { sizeBytes, payload, content, digest };
    return { path, kind: 'leaf', leaf: { metadata, type: 'file', content: parseContent(parts, limits) } };
  }
  if (content !== undefined) throw invalid('only a regular file has content');
  if (digest !== undefined) throw invalid('only a regular file has an fs-verity digest');
  switch (type) {
    case typeBits.directory:
      return { path, kind: 'directory', metadata };
    case typeBits.symlink:
      return { path, kind: 'leaf', leaf: { metadata, type: 'symlink', target: parseTarget(payload, limits) } };
    case typeBits.charDevice:
    case typeBits.blockDevice:
      if (device > 0xffffffffn) throw invalid(`rdev ${device} does not fit into 32 bits`);
      if (type === typeBits.charDevice && device === 0n && links > 1) throw invalid('a whiteout has nlink > 1');
      return {
        path,
        kind: 'leaf',
        leaf: {
          metadata,
          type: type === typeBits.charDevice ? 'char-device' : 'block-device',
          device: Number(device),
        },
      };
    case typeBits.fifo:
      return { path, kind: 'leaf', leaf: { metadata, type: 'fifo' } };
    case typeBits.socket:
      return { path, kind: 'leaf', leaf: { metadata, type: 'socket' } };
    default:
      throw invalid(`mode ${mode.toString(8)} has an unknown file type`);
  }
}

/** An error about a line. */
export function invalid(problem: string): CodedError {
  return new CodedError('DUMPFILE_INVALID', problem, {
    hint: 'correct the dumpfile; composefs-dump(5) has the format',
  });
}

function missing(field: string): never {
  throw invalid(`missing ${field}`);
}

function present(field: string | undefined, name: string): string {
  return field ?? missing(name);
}

/** A field where a dash stands for nothing, still escaped. */
function optional(field: string | undefined, name: string): string | undefined {
  return present(field, name) === '-' ? undefined : field;
}

function parsePath(field: string): ByteString {
  const path = unescapeField(field);
  if (path.includes('\0')) throw invalid('a path holds a NUL byte');
  if (!path.startsWith('/')) throw invalid('a path is not absolute');
  if (path.length > longestPathBytes) throw invalid(`a path has ${path.length} bytes, more than ${longestPathBytes}`);
  if (path === '/') return path;
  const wrong = /\/(?:(?=\/)|$)/.test(path) ? 'empty' : /\/(\.\.?)(?:\/|$)/.exec(path)?.[1];
  if (wrong !== undefined) throw invalid(`a path has a component that is ${wrong}`);
  return path;
}

function parseUnsigned(field: string, bits: 32 | 64, name: string): bigint {
  if (!/^\+?[0-9]+$/.test(field)) throw invalid(`${name} ${JSON.stringify(field)} is no number`);
  const value = field.length < 16 ? BigInt(Number(field)) : BigInt(field.replace('+', ''));
  if (value >> BigInt(bits) !== 0n) throw invalid(`${name} ${field} is too large`);
  return value;
}

function parseMode(field: string): number {
  if (!/^\+?[0-7]+$/.test(field)) throw invalid(`mode ${JSON.stringify(field)} is no octal number`);
  const mode = Number.parseInt(field, 8);
  if (mode > 0xffffffff) throw invalid(`mode ${field} is too large`);
  return mode;
}

function parseTime(field: string): Pick<Metadata, 'mtimeSeconds' | 'mtimeNanoseconds'> {
  const dot = field.indexOf('.');
  if (dot < 0) throw invalid(`mtime ${JSON.stringify(field)} has no dot`);
  const seconds = parseUnsigned(field.slice(0, dot), 64, 'mtime');
  const nanoseconds = parseUnsigned(field.slice(dot + 1), 64, 'nanoseconds of mtime');
  if (nanoseconds >= 1_000_000_000n) throw invalid(`mtime has ${nanoseconds} nanoseconds, a second or more`);
  return { mtimeSeconds: BigInt.asIntN(64, seconds), mtimeNanoseconds: Number(nanoseconds) };
}

/** Fields of a regular file, still escaped. */
interface ContentFields {
  sizeBytes: bigint;
  payload: string | undefined;
  content: string | undefined;
  digest: string | undefined;
}

function parseContent({ sizeBytes, payload, content, digest }: ContentFields, limits: EntryLimits): FileContent {
  if (payload !== undefined) {
    const path = unescapeField(payload);
    if (path.includes('\0')) throw invalid('a payload holds a NUL byte');
    if (path.length > longestPathBytes) throw invalid(`a payload has more than ${longestPathBytes} bytes`);
    if (digest !== undefined) {
      return { kind: 'external', digest: parseDigest(unescapeField(digest), limits.algorithm), sizeBytes };
    }
    return { kind: 'external-unverified', digest: objectOfPath(path, limits.algorithm), sizeBytes };
  }
  if (digest !== undefined) throw invalid('a file in the image itself has an fs-verity digest');
  const data = Buffer.from(unescapeField(content ?? ''), 'latin1');
  if (data.length > limits.inlineBytes) {
    throw invalid(`content has ${data.length} bytes, more than ${limits.inlineBytes}`);
  }
  return data.length === 0 && sizeBytes > 0n ? { kind: 'sparse', sizeBytes } : { kind: 'inline', data };
}

/** The digest of the object that a path ends in, such as `…/ab/cdef…`. */
function objectOfPath(path: ByteString, algorithm: HashAlgorithm): string {
  const digestLength = digestBytes[algorithm] * 2;
  const [, high, low] = /([0-9a-fA-F]{2})\/([0-9a-fA-F]+)$/.exec(path.slice(-(digestLength + 1))) ?? [];
  if (high === undefined || low === undefined || high.length + low.length !== digestLength) {
    throw invalid(`payload ${JSON.stringify(path)} is not the path of an object`);
  }
  return (high + low).toLowerCase();
}

function parseTarget(field: string | undefined, limits: EntryLimits): ByteString {
  if (field === undefined) return missing('payload');
  const payload = unescapeField(field);
  if (payload === '') throw invalid('the target of a symlink is empty');
  if (payload.includes('\0')) throw invalid('the target of a symlink holds a NUL byte');
  if (payload.length > limits.symlinkBytes) {
    throw invalid(`the target of a symlink has ${payload.length} bytes, more than ${limits.symlinkBytes}`);
  }
  return payload;
}

function parseAttributes(fields: readonly string[]): ReadonlyMap<ByteString, Uint8Array> {
  if (fields.length === 0) return noAttributes;
  const attributes = new Map<ByteString, Uint8Array>();
  let totalNameBytes = 0;
  for (const field of fields) {
    const equals = field.indexOf('=');
    if (equals < 0) throw invalid(`attribute ${JSON.stringify(field)} has no =`);
    const name = unescapeField(field.slice(0, equals));
    const value = Buffer.from(unescapeField(field.slice(equals + 1)), 'latin1');
    if (name.includes('\0')) throw invalid('the name of an attribute holds a NUL byte');
    totalNameBytes += name.length;
    if (name.length > longestNameBytes || totalNameBytes > longestValueBytes) {
      throw invalid('the names of attributes are too long: 255 bytes for one, 65535 in all');
    }
    if (value.length > longestValueBytes) throw invalid(`attribute ${name} has a value of more than 65535 bytes`);
    const known = attributes.get(name);
    if (known === undefined || Buffer.compare(known, value) < 0) attributes.set(name, value);
  }
  return attributes;
}
