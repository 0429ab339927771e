import { expect, test } from 'vitest';
import { parseDiskSize, parseMemoryMiB, showBytes } from './sizes.ts';

test.each([
  ['10G', 10 * 2 ** 30],
  ['5120M', 5 * 2 ** 30],
  ['4096', 4096],
  ['1GiB', 2 ** 30],
  ['2tb', 2 ** 41],
])('a disk of %s', (text, bytes) => expect(parseDiskSize(text)).toBe(bytes));

test.each(['', '0', 'G', '1.5G', '-1', '10X'])('%j is no disk size', (text) => {
  expect(() => parseDiskSize(text)).toThrow('is no disk size');
});

test.each([
  ['4G', 4096],
  ['2048M', 2048],
  ['3000', 3000],
])('memory of %s', (text, mebibytes) => expect(parseMemoryMiB(text)).toBe(mebibytes));

test('a guest with next to no memory is refused', () => {
  expect(() => parseMemoryMiB('64')).toThrow('too little memory');
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536 * 2 ** 20, '1.5 GiB'],
])('%d bytes are shown', (bytes, text) => expect(showBytes(bytes)).toBe(text));
