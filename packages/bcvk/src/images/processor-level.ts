import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const gnuPropertySegment = 0x6474e553;
const isaNeededProperty = 0xc0008002;
const programHeaderBytes = 56;

/**
 * The x86-64 level (1 to 4: baseline, v2, v3, v4) that the C library of a mounted image says it needs; undefined if it
 * does not say, or is not there. The dynamic loader refuses to start anything on a lesser processor.
 */
export function readProcessorLevel(imageRoot: string): number | undefined {
  const multiarch = join(imageRoot, 'usr/lib');
  const folders = existsSync(multiarch) ? readdirSync(multiarch).filter((name) => name.endsWith('-linux-gnu')) : [];
  const candidates = ['usr/lib64/libc.so.6', ...folders.map((name) => `usr/lib/${name}/libc.so.6`)];
  const found = candidates.map((path) => join(imageRoot, path)).find((path) => existsSync(path));
  return found === undefined ? undefined : neededLevel(readFileSync(found));
}

/**
 * Reads GNU_PROPERTY_X86_ISA_1_NEEDED of a 64-bit little-endian ELF file (x86-64 psABI, "Program Property"; elf(5)). Its
 * bits stand for the levels; the highest one counts.
 */
export function neededLevel(elf: Buffer): number | undefined {
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1) return undefined;
  const headers = Number(elf.readBigUInt64LE(32));
  for (let index = 0; index < elf.readUInt16LE(56); index++) {
    const header = headers + index * programHeaderBytes;
    if (elf.readUInt32LE(header) !== gnuPropertySegment) continue;
    const note = Number(elf.readBigUInt64LE(header + 8));
    const nameBytes = Math.ceil(elf.readUInt32LE(note) / 4) * 4;
    let property = note + 12 + nameBytes;
    const end = property + elf.readUInt32LE(note + 4);
    while (property < end) {
      const dataBytes = elf.readUInt32LE(property + 4);
      if (elf.readUInt32LE(property) === isaNeededProperty) {
        return 32 - Math.clz32(elf.readUInt32LE(property + 8));
      }
      property += 8 + Math.ceil(dataBytes / 8) * 8;
    }
  }
  return undefined;
}
