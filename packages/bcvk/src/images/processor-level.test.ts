import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { neededLevel, readProcessorLevel } from './processor-level.ts';

/** A small ELF file with one property note: some other property, and the levels needed. */
function elfNeeding(bits: number): Buffer {
  const note = Buffer.alloc(48);
  note.writeUInt32LE(4, 0);
  note.writeUInt32LE(32, 4);
  note.writeUInt32LE(5, 8);
  note.write('GNU\0', 12);
  note.writeUInt32LE(0xc0000002, 16);
  note.writeUInt32LE(4, 20);
  note.writeUInt32LE(0xc0008002, 32);
  note.writeUInt32LE(4, 36);
  note.writeUInt32LE(bits, 40);
  const elf = Buffer.alloc(64 + 56);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  elf.writeBigUInt64LE(64n, 32);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt32LE(0x6474e553, 64);
  elf.writeBigUInt64LE(BigInt(elf.length), 72);
  return Buffer.concat([elf, note]);
}

test.each([
  [1, 1],
  [3, 2],
  [7, 3],
  [15, 4],
])('property bits %d are level %d', (bits, level) => expect(neededLevel(elfNeeding(bits))).toBe(level));

test('what is no ELF file, or has no such property, says nothing', () => {
  expect(neededLevel(Buffer.from('#!/bin/sh'))).toBeUndefined();
  const other = elfNeeding(1);
  other.writeUInt32LE(1, 64);
  expect(neededLevel(other)).toBeUndefined();
});

test.each(['usr/lib64', 'usr/lib/x86_64-linux-gnu'])('the C library is found in %s', (folder) => {
  const root = mkdtempSync(join(tmpdir(), 'image-'));
  expect(readProcessorLevel(root)).toBeUndefined();
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, folder, 'libc.so.6'), elfNeeding(7));
  expect(readProcessorLevel(root)).toBe(3);
});
