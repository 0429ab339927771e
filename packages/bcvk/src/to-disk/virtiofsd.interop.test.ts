import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startVirtiofsd } from './virtiofsd.ts';

test('a virtiofsd that makes no socket in time is stopped: it would keep this program from its end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'virtiofsd-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  // It sees its folder read-only.
  const shared = join(folder, 'shared');
  mkdirSync(shared);
  const program = join(folder, 'virtiofsd');
  writeFileSync(program, `#!/bin/sh\necho $$ >${folder}/pid\nexec sleep 60\n`);
  chmodSync(program, 0o755);
  const share = { folder: shared, socket: join(folder, 'socket'), logFile: join(folder, 'log') };
  await expect(startVirtiofsd(program, share, 4000)).rejects.toMatchObject({ code: 'VIRTIOFSD_SLOW' });
  const pid = readFileSync(join(folder, 'pid'), 'utf8').trim();
  expect(existsSync(`/proc/${pid}`)).toBe(false);
});
