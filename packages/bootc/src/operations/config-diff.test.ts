import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { formatChanges } from './config-diff.ts';

const main = join(import.meta.dirname, '../main.ts');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-diff-'));
  for (const name of ['pristine', 'current', 'next']) {
    mkdirSync(join(folder, name, 'd'), { recursive: true });
    for (const file of ['kept', 'changed', 'd/gone']) writeFileSync(join(folder, name, file), name);
  }
  writeFileSync(join(folder, 'current/kept'), 'pristine');
  rmSync(join(folder, 'current/d/gone'));
  symlinkSync('kept', join(folder, 'current/new "link"'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function directoryDiff(...args: string[]): string {
  const folders = ['pristine', 'current', 'next'].map((name) => join(folder, name));
  return execFileSync(process.execPath, [main, 'internals', 'dir-diff', ...folders, ...args], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

const changes = 'Added "new \\"link\\""\nModified "changed"\nRemoved "d/gone"\n';

test('what was added, modified and removed, without colours where nobody sees them', () => {
  expect(directoryDiff()).toBe(changes);
  expect(readFileSync(join(folder, 'next/changed'), 'utf8')).toBe('next');
});

test('the changes are merged into the third folder', () => {
  expect(directoryDiff('--merge')).toBe(changes);
  expect(readFileSync(join(folder, 'next/changed'), 'utf8')).toBe('current');
  expect(readFileSync(join(folder, 'next/kept'), 'utf8')).toBe('next');
  expect(readFileSync(join(folder, 'next/new "link"'), 'utf8')).toBe('next');
  expect(() => readFileSync(join(folder, 'next/d/gone'))).toThrow('ENOENT');
});

test('a conflict is told, and nothing is merged', () => {
  rmSync(join(folder, 'next/changed'));
  mkdirSync(join(folder, 'next/changed'));
  expect(() => directoryDiff('--merge')).toThrow('Merge conflicts found in etc');
  expect(readFileSync(join(folder, 'next/d/gone'), 'utf8')).toBe('next');
});

test('on a terminal the words have colours', () => {
  const lines = formatChanges({ added: ['a'], modified: ['m'], removed: ['r'] }, { isTerminal: true });
  expect(lines).toEqual([
    '\u001b[32mAdded\u001b[0m "a"',
    '\u001b[36mModified\u001b[0m "m"',
    '\u001b[31mRemoved\u001b[0m "r"',
  ]);
});
