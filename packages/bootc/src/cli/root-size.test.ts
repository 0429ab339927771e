import { expect, test } from 'vitest';
import { parseRootSize } from './root-size.ts';

test.each([
  ['512', 512],
  ['512M', 512],
  ['10G', 10240],
  ['2T', 2097152],
])('%s', (text, mebibytes) => {
  expect(parseRootSize(text)).toBe(mebibytes);
});

test.each(['', '0', '1X', '-1', '1.5G', '10 G'])('%j is refused', (text) => {
  expect(() => parseRootSize(text)).toThrow('is no size');
});
