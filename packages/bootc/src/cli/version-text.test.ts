import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { versionText } from './version-text.ts';

test('a bundled program names its build, one that runs from its sources does not', () => {
  const folder = mkdtempSync(join(tmpdir(), 'version-'));
  expect(versionText(join(folder, 'bootc.cjs'))).toMatch(/^bootc \d+\.\d+\.\d+$/);
  writeFileSync(join(folder, 'build-id'), 'abc123\n');
  expect(versionText(join(folder, 'bootc.cjs'))).toMatch(/^bootc \d+\.\d+\.\d+ \(build abc123\)$/);
});
