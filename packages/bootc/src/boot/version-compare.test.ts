import { expect, test } from 'vitest';
import { compareVersions } from './version-compare.ts';

// Most pairs are the examples of the UAPI Version Format Specification.
test.each([
  ['11', '11'],
  ['systemd-123', 'systemd-123'],
  ['11α', '11β'],
  ['1_', '1'],
  ['_1', '1'],
  ['+1', '1'],
  ['1.0', '01.0'],
])('%s equals %s', (a, b) => {
  expect(compareVersions(a, b)).toBe(0);
  expect(compareVersions(b, a)).toBe(0);
});

test.each([
  ['bar-123', 'foo-123'],
  ['123', '123a'],
  ['123', '123.a'],
  ['123.a', '123.b'],
  ['123.a', '123a'],
  ['A', 'a'],
  ['', '0'],
  ['0', '0.'],
  ['0', '0.0'],
  ['~', '0'],
  ['~', ''],
  ['1_', '1.2'],
  ['1.3.3', '1_2_3'],
  ['1~rc1', '1'],
  ['123-1', '123^1'],
  ['123^1', '123.1'],
  ['9.20260801', '10.20260801'],
  ['122.1', '123~rc1-1'],
])('%j is older than %j', (older, newer) => {
  expect(compareVersions(older, newer)).toBe(-1);
  expect(compareVersions(newer, older)).toBe(1);
});
