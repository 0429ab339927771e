import { mkdirSync, mkdtempSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { installLogFolder, pruneInstallLogs } from './install-logs.ts';

test('of the logs of failed installations the last five stay, and those of installations that go on', () => {
  const cache = mkdtempSync(join(tmpdir(), 'cache-'));
  pruneInstallLogs(cache, []);
  for (const nonce of ['1', '2', '3', '4', '5', '6', '7', '8']) {
    const folder = installLogFolder(cache, nonce);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'console.txt'), 'x');
    utimesSync(folder, Number(nonce), Number(nonce));
  }
  writeFileSync(join(cache, 'logs/accel-probe.log'), '');
  pruneInstallLogs(cache, ['1']);
  expect(readdirSync(join(cache, 'logs')).sort()).toEqual([
    'accel-probe.log',
    ...['1', '4', '5', '6', '7', '8'].map((nonce) => `install-${nonce}`),
  ]);
});
