import { expect, test } from 'vitest';
import { parseRootSize } from './root-size.ts';

test.each([
  ['5120', 5120],
  ['512M', 512],
  ['10G', 10_240],
  ['2T', 2_097_152],
])('%s', (text, mebibytes) => {
  expect(parseRootSize(text)).toBe(mebibytes);
});

test.each(['', '0', '10g', '1.5G', '-1', '10GiB'])('%j is refused', (text) => {
  expect(() => parseRootSize(text)).toThrow('is no size of a root partition');
});
