import type { ByteString } from '../tree/tree.ts';
import { invalidTar } from './errors.ts';

/** Size of all units of an archive: a header is one block, content is padded to whole ones. */
export const blockBytes = 512;

/** The fields of one header block as they stand there, before extension headers. */
export interface TarHeader {
  name: ByteString;
  linkName: ByteString;
  /** One character; NUL in old archives. */
  typeFlag: string;
  mode: number;
  uid: number | bigint;
  gid: number | bigint;
  sizeBytes: number;
  mtimeSeconds: bigint;
  deviceMajor: number;
  deviceMinor: number;
}

/** Whether a block is all zero, as the two at the end of an archive are. */
export function isZeroBlock(block: Buffer): boolean {
  return block[0] === 0 && block.every((byte) => byte === 0);
}

/** Whether a header is one that says something of the entry after it: PAX (POSIX.1, `x` and `g`), GNU long names (`L`, `K`). */
export function isExtension({ typeFlag }: TarHeader): boolean {
  return typeFlag === 'x' || typeFlag === 'g' || typeFlag === 'L' || typeFlag === 'K';
}

/**
 * Reads a header block in the old, the ustar (POSIX.1) or the GNU form; numbers may be octal text or, as GNU tar writes
 * large ones, base-256.
 *
 * @throws CodedError `TAR_INVALID` if the checksum or a number is wrong.
 */
export function parseHeader(block: Buffer): TarHeader {
  checkChecksum(block);
  const magic = block.toString('latin1', 257, 265);
  const prefix = magic === 'ustar\x0000' ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  const fail = (field: string) => invalidTar(`the ${field} of ${JSON.stringify(name)} is no number that fits`);
  const number = (field: string, offset: number, length: number): number | bigint => {
    const value = parseNumber(block, offset, length);
    if (value === undefined) throw fail(field);
    return value;
  };
  const smallNumber = (field: string, offset: number, length: number): number => {
    const value = Number(number(field, offset, length));
    if (!Number.isSafeInteger(value)) throw fail(field);
    return value;
  };
  const typeFlag = block.toString('latin1', 156, 157);
  const isDevice = typeFlag === '3' || typeFlag === '4';
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: text(block, 157, 100),
    typeFlag,
    mode: smallNumber('mode', 100, 8),
    uid: number('owner', 108, 8),
    gid: number('group', 116, 8),
    sizeBytes: smallNumber('size', 124, 12),
    mtimeSeconds: BigInt.asIntN(64, BigInt(number('time', 136, 12))),
    // Archives without devices may hold anything here.
    deviceMajor: isDevice ? smallNumber('device number', 329, 8) : 0,
    deviceMinor: isDevice ? smallNumber('device number', 337, 8) : 0,
  };
}

function text(block: Buffer, offset: number, length: number): ByteString {
  const end = block.indexOf(0, offset);
  return block.toString('latin1', offset, end === -1 ? offset + length : Math.min(end, offset + length));
}

// Octal text up to a NUL, within white space; undefined for anything else. No field has more than twelve characters, whose
// octal value is exact in a number. Of base-256 numbers the low 64 bits count, as cfsctl has them: whether they have a sign is
// for whoever reads the field.
function parseNumber(block: Buffer, offset: number, length: number): number | bigint | undefined {
  const end = offset + length;
  if ((block[offset] as number) >= 0x80) {
    const value = block.readBigUInt64BE(end - 8);
    return length > 8 ? value : BigInt.asUintN(63, value);
  }
  let at = skipBlanks(block, offset, end);
  let value = 0;
  for (; at < end; at += 1) {
    const digit = (block[at] as number) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  at = skipBlanks(block, at, end);
  return at === end || block[at] === 0 ? value : undefined;
}

function skipBlanks(block: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && (block[at] === 0x20 || ((block[at] as number) >= 0x09 && (block[at] as number) <= 0x0d))) at += 1;
  return at;
}

// The sum of all bytes with the field itself as blanks. Some old programs summed signed bytes.
function checkChecksum(block: Buffer): void {
  const stated = Number(parseNumber(block, 148, 8) ?? -1);
  let sum = 8 * 0x20;
  for (let i = 0; i < 148; i++) sum += block[i] as number;
  for (let i = 156; i < blockBytes; i++) sum += block[i] as number;
  if (stated !== sum && stated !== sum - 256 * countNegative(block)) {
    throw invalidTar('the checksum of a header does not fit it');
  }
}

function countNegative(block: Buffer): number {
  return block.reduce((count, byte, i) => count + (byte > 127 && (i < 148 || i >= 156) ? 1 : 0), 0);
}
