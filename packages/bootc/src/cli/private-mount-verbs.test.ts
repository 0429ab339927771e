import { expect, test } from 'vitest';
import { needsPrivateMounts } from './private-mount-verbs.ts';

test.each([
  ['status --json', true],
  ['--verbose status', true],
  ['switch blah://', true],
  ['internals composefs-gc --dry-run', true],
  ['internals fsck', true],
  ['internals repair --apply', true],
  ['internals migrate', true],
  ['upgrade --help', false],
  ['usr-overlay', false],
  ['internals cfs fsck', false],
  ['internals blockdev ls-filesystem /', false],
  ['install to-disk /dev/sda', false],
  ['', false],
])('bootc %s: %s', (line, expected) => {
  expect(needsPrivateMounts(line.split(' ').filter((word) => word !== ''))).toBe(expected);
});
