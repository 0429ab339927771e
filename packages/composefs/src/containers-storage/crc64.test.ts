import { expect, test } from 'vitest';
import { createCrc64 } from './crc64.ts';

// Check values of CRC-64/GO-ISO: that of the catalogue of parametrised CRC algorithms, and those of Go's own test.
test.each([
  ['', '0000000000000000'],
  ['a', '3420000000000000'],
  ['ab', '36c4200000000000'],
  ['abc', '3776c42000000000'],
  ['123456789', 'b90956c775a41001'],
])('of %j', (text, expected) => {
  const crc = createCrc64();
  crc.update(Buffer.from(text));
  expect(crc.digest().toString('hex')).toBe(expected);
});

// The definition, one bit at a time.
function slowCrc(data: Uint8Array): Buffer {
  let crc = 0xffff_ffff_ffff_ffffn;
  for (const byte of data) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0xd800_0000_0000_0000n : crc >> 1n;
  }
  const result = Buffer.alloc(8);
  result.writeBigUInt64BE(crc ^ 0xffff_ffff_ffff_ffffn);
  return result;
}

test('is what the definition says, however the bytes are cut and aligned', () => {
  const data = Buffer.from(Array.from({ length: 301 }, (_, i) => (i * 7919 + (i >> 3)) % 256));
  for (let begin = 0; begin < 5; begin++) {
    for (const cut of [begin, begin + 1, begin + 7, 100, 297]) {
      const crc = createCrc64();
      crc.update(data.subarray(begin, cut));
      crc.update(data.subarray(cut));
      expect(crc.digest()).toEqual(slowCrc(data.subarray(begin)));
    }
  }
});

test('is what the definition says of content that is folded', () => {
  const data = Buffer.from(Array.from({ length: 130_003 }, (_, i) => (i * 7919 + (i >> 3)) % 256));
  for (const length of [255, 256, 257, 319, 320, 4096, 63 * 1024, 63 * 1024 + 255, 63 * 1024 + 256, 130_000]) {
    const crc = createCrc64();
    crc.update(data.subarray(0, 3));
    crc.update(data.subarray(3, 3 + length));
    expect(crc.digest()).toEqual(slowCrc(data.subarray(0, 3 + length)));
  }
});
