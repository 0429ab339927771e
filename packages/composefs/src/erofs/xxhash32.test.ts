import { expect, test } from 'vitest';
import { filterSeed } from './format.ts';
import { xxhash32 } from './xxhash32.ts';

// Of the hash's own documentation and of xxhsum; the second last is how the kernel hashes `trusted.overlay.opaque`.
test.each<[string, number, number]>([
  ['', 0, 0x02cc5d05],
  ['a', 0, 0x550d7456],
  ['abc', 0, 0x32d153ff],
  ['overlay.opaque', filterSeed + 4, 0x4ce0a7f4],
  ['Nobody inspects the spammish repetition', 0, 0xe2293b2f],
])('%j with seed %d', (text, seed, hash) => {
  expect(xxhash32(Buffer.from(text), seed)).toBe(hash);
});
