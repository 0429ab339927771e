import { expect, test } from 'vitest';
import { summarizeMerge, summarizeTransfer } from './transfer-summary.ts';

const none = {
  hardlinked: 0,
  reflinked: 0,
  copied: 0,
  present: 3,
  inlinedBytes: 100,
  storedBytes: 0,
  hardlinkedBytes: 0,
  reflinkedBytes: 0,
  merged: 0,
  mergedBytes: 0,
};

test('the way that was taken is said, and what it did not cover', () => {
  expect(summarizeTransfer({ ...none, present: 0 })).toBeUndefined();
  expect(summarizeTransfer(none)).toBe('Container storage: nothing new, 3 objects there already');
  const mixed = { ...none, reflinked: 40, reflinkedBytes: 50_000_000, copied: 2, storedBytes: 50_200_000 };
  expect(summarizeTransfer(mixed)).toBe(
    'Container storage: 40 objects shared by reflink (50.0 MB), 2 objects copied (0.2 MB), 3 there already',
  );
  expect(summarizeTransfer({ ...none, hardlinked: 1, hardlinkedBytes: 100, storedBytes: 100 })).toContain(
    'by hard link',
  );
});

test('what the repository had before and shares now is said', () => {
  const merge = { ...none, present: 10, merged: 8, mergedBytes: 4_000_000 };
  expect(summarizeTransfer({ ...none, present: 0 }, merge)).toBe(
    'Container storage: nothing new, 10 objects there already, 8 of them shared from now on (4.0 MB)',
  );
  const linked = {
    ...none,
    hardlinked: 1,
    hardlinkedBytes: 100_000,
    storedBytes: 100_000,
    merged: 1,
    mergedBytes: 1e6,
  };
  expect(summarizeTransfer(linked, merge)).toBe(
    'Container storage: 1 objects shared by hard link (0.1 MB), 13 there already, 9 of them shared from now on (5.0 MB)',
  );
  expect(summarizeMerge(merge, 'reflink')).toBe('Container storage: 8 objects shared by reflink (4.0 MB)');
  expect(summarizeMerge(none, 'copy')).toBe('Container storage: nothing more to share with the repository');
});
