import { CodedError } from '@workbench/run';
import type { ByteWindow } from './byte-window.ts';

/** A section of a PE file: a named range of the file. */
export interface PeSection {
  name: string;
  offset: number;
  /** Of the content, without the padding up to the file's alignment. */
  sizeBytes: number;
}

/** What is known of a PE file from its headers. */
export interface PeImage {
  /** In the order of the file. */
  sections: readonly PeSection[];
  /** The attribute certificate table, that is the signatures; absent in an unsigned file. */
  certificates?: { offset: number; sizeBytes: number };
}

const dosHeaderBytes = 64;
const coffHeaderBytes = 20;
const sectionHeaderBytes = 40;
/** Far more than any UKI has, and too few to make reading the table a burden. */
const mostSections = 256;
const certificateDirectory = 4;

/**
 * Reads the headers of a PE file (Microsoft "PE Format"). Every range it gives lies inside the file.
 *
 * @param name for error messages.
 * @throws CodedError `PE_INVALID` that says what is wrong.
 */
export function readPeImage(file: ByteWindow, name: string): PeImage {
  const read = (what: string, offset: number, length: number): Buffer => {
    if (offset + length > file.sizeBytes) throw invalid(name, `it ends before the end of ${what}`);
    return file.read(offset, length);
  };
  const dos = read('the DOS header', 0, dosHeaderBytes);
  if (dos.toString('latin1', 0, 2) !== 'MZ') throw invalid(name, 'it does not begin with MZ');
  const peOffset = dos.readUInt32LE(0x3c);
  const coff = read('the COFF header', peOffset, 4 + coffHeaderBytes);
  if (coff.toString('latin1', 0, 4) !== 'PE\0\0') throw invalid(name, 'it has no PE signature');
  const sectionCount = coff.readUInt16LE(6);
  if (sectionCount > mostSections) throw invalid(name, `it claims ${sectionCount} sections`);
  const optionalOffset = peOffset + 4 + coffHeaderBytes;
  const optional = read('the optional header', optionalOffset, coff.readUInt16LE(20));
  const table = read('the section table', optionalOffset + optional.length, sectionCount * sectionHeaderBytes);
  const sections = Array.from({ length: sectionCount }, (_, index) =>
    readSection(table.subarray(index * sectionHeaderBytes, (index + 1) * sectionHeaderBytes), file, name),
  );
  const certificates = readCertificateRange(optional, file, name);
  return { sections, ...(certificates === undefined ? {} : { certificates }) };
}

function readSection(header: Buffer, file: ByteWindow, fileName: string): PeSection {
  const name = header.toString('latin1', 0, 8).replace(/\0.*$/s, '');
  const virtualBytes = header.readUInt32LE(8);
  const storedBytes = header.readUInt32LE(16);
  const offset = header.readUInt32LE(20);
  // What is stored may be longer, up to the alignment of the file, or shorter, and the rest is zeros in memory.
  const sizeBytes = Math.min(virtualBytes, storedBytes);
  if (sizeBytes > 0 && offset + sizeBytes > file.sizeBytes) {
    throw invalid(fileName, `section ${JSON.stringify(name)} reaches beyond its end`);
  }
  return { name, offset, sizeBytes };
}

function readCertificateRange(optional: Buffer, file: ByteWindow, name: string): PeImage['certificates'] {
  if (optional.length < 2) return undefined;
  const countOffset = { 267: 92, 523: 108 }[optional.readUInt16LE(0)];
  if (countOffset === undefined) throw invalid(name, 'its optional header is neither PE32 nor PE32+');
  const entry = countOffset + 4 + certificateDirectory * 8;
  if (optional.length < entry + 8 || optional.readUInt32LE(countOffset) <= certificateDirectory) return undefined;
  // Unlike the other directories this one holds an offset in the file.
  const [offset, sizeBytes] = [optional.readUInt32LE(entry), optional.readUInt32LE(entry + 4)];
  if (offset === 0 || sizeBytes === 0) return undefined;
  if (offset + sizeBytes > file.sizeBytes) throw invalid(name, 'its signatures reach beyond its end');
  return { offset, sizeBytes };
}

function invalid(name: string, why: string): CodedError {
  return new CodedError('PE_INVALID', `${name} is no usable EFI program: ${why}`, {
    hint: 'build it again; the file may have been cut short',
  });
}
