import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { formatStagedDeployment, parseStagedDeployment } from './staged-deployment.ts';

test('the record of another version is written again to the byte', () => {
  const file = new URL('../../fixtures/peer-new-2-staged/files/run-composefs/staged-deployment', import.meta.url);
  const text = readFileSync(file, 'utf8');
  const staged = parseStagedDeployment(text);
  expect(staged.isFinalizationLocked).toBe(false);
  expect(formatStagedDeployment(staged)).toBe(text);
});

test.each(['', 'null', '{}', '{"depl_id":"00"}', '{"depl_id":5}'])('%j is refused', (text) => {
  expect(() => parseStagedDeployment(text)).toThrow(/cannot be read/);
});
