import { CodedError } from '@workbench/run';
import { digestBytes, type HashAlgorithm, kernelHashId } from '../fsverity/algorithm.ts';

/**
 * The file format of split streams as composefs-rs 0.9 writes it: a header of 32 bytes, an info section, and the
 * sections it points to. All numbers are little-endian; a section is given by the offsets of its start and end.
 */
export const headerBytes = 32;
export const infoBytes = 80;

const magic = Buffer.from('SplitStream');
const blockSizeLog2 = 12;
// Where the fields of a header are: as of today, and as bootc up to 1.15 wrote them.
const presentOrder = { magic: 0, version: 11, algorithm: 14, info: 16 };
const formerOrder = { magic: 18, version: 29, algorithm: 30, info: 0 };

/** Half-open range of bytes in the file. */
export interface Section {
  start: number;
  end: number;
}

/** What the info section says. */
export interface StreamInfo {
  streamReferences: Section;
  objectReferences: Section;
  stream: Section;
  namedReferences: Section;
  /** Eight ASCII characters that say what the stream is, for example `ocilayer`. */
  contentType: string;
  /** Length of the merged stream. */
  totalBytes: bigint;
}

/**
 * Header and info section of a file that is about to be written; the sections follow at {@link headerBytes} + {@link
 * infoBytes}.
 */
export function encodeHeader(algorithm: HashAlgorithm, info: StreamInfo): Buffer {
  const bytes = Buffer.alloc(headerBytes + infoBytes);
  magic.copy(bytes, 0);
  bytes[14] = kernelHashId[algorithm];
  bytes[15] = blockSizeLog2;
  writeSection(bytes, 16, { start: headerBytes, end: headerBytes + infoBytes });
  const sections = [info.streamReferences, info.objectReferences, info.stream, info.namedReferences];
  for (const [i, section] of sections.entries()) writeSection(bytes, headerBytes + 16 * i, section);
  bytes.write(info.contentType.padEnd(8, '\0').slice(0, 8), headerBytes + 64, 'latin1');
  bytes.writeBigUInt64LE(info.totalBytes, headerBytes + 72);
  return bytes;
}

/**
 * Reads header and info section of a whole file. Besides the present order of the header it knows the one of bootc up
 * to 1.15.
 *
 * @throws CodedError `SPLITSTREAM_INVALID` if the file is none, is damaged, or is for another algorithm.
 */
export function decodeHeader(file: Buffer, algorithm: HashAlgorithm): StreamInfo {
  if (file.length < headerBytes) throw invalidStream(`its ${file.length} bytes are too short for a header`);
  const at = findOrder(file);
  if (at === undefined) throw invalidStream('it does not begin as one');
  if (file[at.version] !== 0) throw invalidStream(`its version is ${file[at.version]}, known is 0`);
  if (file[at.algorithm] !== kernelHashId[algorithm] || file[at.algorithm + 1] !== blockSizeLog2) {
    throw invalidStream(`it is not for ${algorithm} with blocks of 4096 bytes`);
  }
  const info = readSection(file, at.info, 'info');
  if (info.end - info.start < infoBytes) throw invalidStream('its info section is too short');
  const bytes = file.subarray(info.start, info.end);
  const section = (offset: number, name: string) => checkSection(bytes, offset, file.length, name);
  return {
    streamReferences: referenceSection(section(0, 'stream references'), algorithm),
    objectReferences: referenceSection(section(16, 'object references'), algorithm),
    stream: section(32, 'stream'),
    namedReferences: section(48, 'named references'),
    contentType: bytes.subarray(64, 72).toString('latin1').replace(/\0+$/, ''),
    totalBytes: bytes.readBigUInt64LE(72),
  };
}

/** Whether a file begins as a split stream, by its first 32 bytes. */
export function isSplitStream(head: Buffer): boolean {
  return head.length >= headerBytes && findOrder(head) !== undefined;
}

/** The error for a file that is no split stream, or a damaged one. */
export function invalidStream(problem: string, cause?: unknown): CodedError {
  return new CodedError('SPLITSTREAM_INVALID', `not a readable split stream: ${problem}`, {
    hint: 'the repository is damaged; check it with fsck, remove the stream, and import the image anew',
    cause,
  });
}

function findOrder(head: Buffer): typeof presentOrder | undefined {
  const hasMagic = (order: typeof presentOrder) => head.subarray(order.magic, order.magic + magic.length).equals(magic);
  return [presentOrder, formerOrder].find(hasMagic);
}

function referenceSection(section: Section, algorithm: HashAlgorithm): Section {
  if ((section.end - section.start) % digestBytes[algorithm] === 0) return section;
  throw invalidStream('a list of references does not consist of whole digests');
}

function writeSection(bytes: Buffer, offset: number, section: Section): void {
  bytes.writeBigUInt64LE(BigInt(section.start), offset);
  bytes.writeBigUInt64LE(BigInt(section.end), offset + 8);
}

function readSection(file: Buffer, offset: number, name: string): Section {
  return checkSection(file, offset, file.length, name);
}

function checkSection(bytes: Buffer, offset: number, fileBytes: number, name: string): Section {
  const start = bytes.readBigUInt64LE(offset);
  const end = bytes.readBigUInt64LE(offset + 8);
  if (start > end || end > BigInt(fileBytes)) throw invalidStream(`its section of ${name} lies outside the file`);
  return { start: Number(start), end: Number(end) };
}
