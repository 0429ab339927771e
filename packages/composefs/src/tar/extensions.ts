import { type ByteString, noAttributes } from '../tree/tree.ts';
import { invalidTar } from './errors.ts';
import type { TarHeader } from './header.ts';

/** Limits of what may come before one entry: enough for every real file, too little to fill the memory. */
const longestExtensionBytes = 1024 * 1024;
const mostExtensionHeaders = 16;

/** A time as a PAX header has it; of one before 1970, which cfsctl refuses there, the `text`. */
export type PaxTime = { seconds: bigint; nanoseconds: number } | { text: string };

/** What extension headers say of the entry after them. */
export interface Extensions {
  path?: ByteString;
  linkPath?: ByteString;
  sizeBytes?: number;
  uid?: bigint;
  gid?: bigint;
  mtime?: PaxTime;
  xattrs: ReadonlyMap<ByteString, Uint8Array>;
}

interface GatheredExtensions extends Extensions {
  xattrs: Map<ByteString, Uint8Array>;
}

/** What no extension header says. */
export const noExtensions: Extensions = { xattrs: noAttributes };

/** Gathers the extension headers before one entry. */
export interface ExtensionCollector {
  /** Counts an extension header whose content will be handed to `add`. @throws CodedError `TAR_INVALID` beyond the limits. */
  expect(header: TarHeader): void;
  add(header: TarHeader, content: Buffer): void;
  /** What came. */
  take(): Extensions;
}

/** A collector for the extension headers before one entry. */
export function createExtensionCollector(): ExtensionCollector {
  const pax: GatheredExtensions = { xattrs: new Map() };
  const gnu: { path?: ByteString; linkPath?: ByteString } = {};
  const kinds = new Set<string>();
  let headers = 0;
  let bytes = 0;
  return {
    expect(header) {
      // Programs disagree on whether the second of a kind takes the place of the first, or is added to it.
      if (kinds.has(header.typeFlag)) throw invalidTar('an entry has two extension headers of a kind');
      kinds.add(header.typeFlag);
      headers += 1;
      bytes += header.sizeBytes;
      if (headers > mostExtensionHeaders)
        throw invalidTar(`more than ${mostExtensionHeaders} extension headers in a row`);
      if (bytes > longestExtensionBytes) throw invalidTar('more than 1 MiB of extension headers for one entry');
    },
    add(header, content) {
      if (header.typeFlag === 'x') readRecords(content, pax);
      else if (header.typeFlag === 'L') gnu.path = untilNul(content);
      else if (header.typeFlag === 'K') gnu.linkPath = untilNul(content);
    },
    take: () => ({ ...gnu, ...pax, xattrs: pax.xattrs.size === 0 ? noAttributes : pax.xattrs }),
  };
}

const attributePrefix = 'SCHILY.xattr.';

// Records are "LENGTH KEY=VALUE\n", the length in bytes and with itself.
function readRecords(content: Buffer, into: GatheredExtensions): void {
  for (let offset = 0; offset < content.length; ) {
    const blank = content.indexOf(0x20, offset);
    const lengthText = blank === -1 ? '' : content.toString('latin1', offset, blank);
    const end = offset + Number(lengthText);
    const equals = content.indexOf(0x3d, blank);
    const isWhole =
      /^[1-9]\d*$/.test(lengthText) &&
      end <= content.length &&
      content[end - 1] === 0x0a &&
      equals !== -1 &&
      equals < end;
    if (!isWhole) throw invalidTar('a PAX header is damaged');
    readRecord(content.toString('latin1', blank + 1, equals), content.subarray(equals + 1, end - 1), into);
    offset = end;
  }
}

function readRecord(key: ByteString, value: Buffer, into: GatheredExtensions): void {
  if (key.startsWith(attributePrefix)) {
    into.xattrs.set(key.slice(attributePrefix.length), Uint8Array.from(value));
    return;
  }
  if (key.startsWith('GNU.sparse.')) throw invalidTar('it holds a sparse file');
  const text = value.toString('latin1');
  if (key === 'path') into.path = text;
  else if (key === 'linkpath') into.linkPath = text;
  else if (key === 'size') into.sizeBytes = Number(unsigned(key, text));
  else if (key === 'uid') into.uid = unsigned(key, text);
  else if (key === 'gid') into.gid = unsigned(key, text);
  else if (key === 'mtime') into.mtime = parseTime(text);
}

const unsignedText = /^\+?\d+$/;
const mostUnsigned = 2n ** 64n - 1n;

function unsigned(key: string, text: string): bigint {
  const value = unsignedText.test(text) ? BigInt(text.replace('+', '')) : undefined;
  if (value !== undefined && value <= mostUnsigned) return value;
  throw invalidTar(`the PAX ${key} ${JSON.stringify(text)} is no unsigned number of 64 bits`);
}

// As cfsctl has it: seconds beyond the range of times wrap around; of the fraction nine characters count, and if these are no
// number, nothing.
function parseTime(text: string): PaxTime {
  if (/^-\d/.test(text)) return { text };
  const dot = text.indexOf('.');
  const seconds = unsigned('mtime', dot === -1 ? text : text.slice(0, dot));
  const fraction = (dot === -1 ? '' : text.slice(dot + 1, dot + 10)).padEnd(9, '0');
  return { seconds: BigInt.asIntN(64, seconds), nanoseconds: unsignedText.test(fraction) ? Number(fraction) : 0 };
}

function untilNul(content: Buffer): ByteString {
  const end = content.indexOf(0);
  return content.toString('latin1', 0, end === -1 ? content.length : end);
}
