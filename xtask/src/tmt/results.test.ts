import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { executeFolder, parseDuration, readResults } from './results.ts';

const written = `
- __class__: {module: tmt.result, name: Result}
  name: /tests/readonly/status
  result: pass
  original-result: pass
  duration: 00:01:05
  start-time: '2026-11-24T15:19:15.317717+00:00'
  end-time: '2026-11-24T15:20:20.817513+00:00'
  note: []
  log:
  - data/guest/default-0/tests/readonly/status-1/output.txt
  - data/guest/default-0/tests/readonly/status-1/failures.yaml
- name: /tests/readonly/boot
  result: error
  duration: null
  note: [timeout, "original test result: error"]
  log: []
`;

test('results are read, with the files they name', () => {
  const folder = mkdtempSync(join(tmpdir(), 'results-'));
  const execute = executeFolder(join(folder, 'tmt'), '/plans/readonly');
  mkdirSync(execute, { recursive: true });
  writeFileSync(join(execute, 'results.yaml'), written);
  expect(readResults(join(folder, 'tmt'), '/plans/readonly', folder)).toEqual([
    {
      name: '/tests/readonly/status',
      result: 'pass',
      durationMs: 65_500,
      note: '',
      outputFile: 'tmt/plans/readonly/execute/data/guest/default-0/tests/readonly/status-1/output.txt',
    },
    {
      name: '/tests/readonly/boot',
      result: 'error',
      durationMs: 0,
      note: 'timeout, original test result: error',
      outputFile: undefined,
    },
  ]);
  writeFileSync(join(execute, 'results.yaml'), '[]\n');
  expect(readResults(join(folder, 'tmt'), '/plans/readonly', folder)).toEqual([]);
});

test('no file is no results; another form is an error', () => {
  expect(readResults('/no/such', '/plans/readonly', '/')).toEqual([]);
  expect(parseDuration('1:2')).toBe(0);
});
