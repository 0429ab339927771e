import { expect, test } from 'vitest';
import { normalizeTimestamp, timestampInSeconds } from './timestamp.ts';

test.each([
  ['2026-11-24T14:28:10.9396811Z', '2026-11-24T14:28:10.939681100Z'],
  ['2026-11-24T14:28:10.5Z', '2026-11-24T14:28:10.500Z'],
  ['2026-11-24T14:28:10.000000Z', '2026-11-24T14:28:10Z'],
  ['2026-11-24t14:28:10z', '2026-11-24T14:28:10Z'],
  ['2026-11-24T23:30:00.25+02:00', '2026-11-24T21:30:00.250Z'],
  ['', undefined],
  ['yesterday', undefined],
  ['2026-13-01T00:00:00Z', undefined],
])('%s', (text, expected) => {
  expect(normalizeTimestamp(text)).toBe(expected);
});

test('for people', () => {
  expect(timestampInSeconds('2026-11-24T14:28:10.500Z')).toBe('2026-11-24T14:28:10Z');
});
