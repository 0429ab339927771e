import { expect, test } from 'vitest';
import { summarizeTransfer } from './transfer-summary.ts';

const none = {
  hardlinked: 0,
  reflinked: 0,
  copied: 0,
  present: 3,
  inlinedBytes: 100,
  storedBytes: 0,
  hardlinkedBytes: 0,
  reflinkedBytes: 0,
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
