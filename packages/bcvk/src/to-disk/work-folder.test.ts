import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createWorkFolder, sweepWorkFolders } from './work-folder.ts';

const parent = () => mkdtempSync(join(tmpdir(), 'installs-'));

test('an installation that ends takes its folder along, and its unfinished file', async () => {
  const folder = parent();
  const file = join(parent(), 'disk.part');
  const kept = join(parent(), 'disk');
  {
    await using work = createWorkFolder(folder, 'one');
    work.willMakeFile(file);
    work.willMakeFile(kept);
    writeFileSync(file, '');
    writeFileSync(kept, '');
    work.keepFile(kept);
    expect(await sweepWorkFolders(folder)).toEqual([]);
    expect(existsSync(file)).toBe(true);
  }
  expect(existsSync(file)).toBe(false);
  expect(existsSync(kept)).toBe(true);
  expect(existsSync(join(folder, 'one'))).toBe(false);
});

test('what a killed installation left is removed by the next one', async () => {
  const folder = parent();
  const file = join(parent(), 'disk.part');
  const script = `
    import { writeFileSync } from 'node:fs';
    import { createWorkFolder } from '${join(import.meta.dirname, 'work-folder.ts')}';
    const work = createWorkFolder('${folder}', 'killed');
    work.willMakeFile('${file}');
    writeFileSync('${file}', '');
    process.kill(process.pid, 'SIGKILL');`;
  const signal = await new Promise((resolve) => {
    execFile(process.execPath, ['--input-type=module-typescript', '--eval', script], (error) => resolve(error?.signal));
  });
  expect(signal).toBe('SIGKILL');
  expect(existsSync(file)).toBe(true);
  expect(await sweepWorkFolders(folder)).toEqual(['killed']);
  expect(existsSync(file)).toBe(false);
  expect(existsSync(join(folder, 'killed'))).toBe(false);
});

test('nothing to sweep is no error', async () => {
  expect(await sweepWorkFolders(join(parent(), 'none'))).toEqual([]);
});
