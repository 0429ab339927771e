import { existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { createRunFolder, isRunning, keptRuns, listRuns, pathWord, pruneRuns } from './run-folder.ts';

let folder: string;
let root: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runs-'));
  vi.stubEnv('TMPDIR', folder);
  root = join(folder, 'runs');
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

test('a run has a folder, is the latest, and its work folder goes when it is finished', () => {
  const run = createRunFolder(root, { title: 'readonly', now: new Date('2026-11-24T15:02:03Z') });
  expect(run.id).toMatch(/^20261124-150203-[a-z0-9]{8}$/);
  expect(readlinkSync(join(root, 'latest'))).toBe(run.id);
  const planFolder = run.planFolder('composefs/systemd/bls/unsealed/ext4', '/plans/plan-01-readonly');
  expect(planFolder).toBe(join(run.path, 'composefs-systemd-bls-unsealed-ext4/plans-plan-01-readonly'));
  expect(existsSync(planFolder)).toBe(true);
  expect(listRuns(root).map(({ record }) => isRunning(record))).toEqual([true]);
  run.finish();
  expect(existsSync(run.workPath)).toBe(false);
  expect(JSON.parse(readFileSync(join(run.path, 'run.json'), 'utf8'))).toHaveProperty('finishedAt');
  expect(listRuns(root).map(({ record }) => isRunning(record))).toEqual([false]);
});

test('the oldest runs go, but never one that is going on, nor a folder that is no run', () => {
  const old = createRunFolder(root, { title: 'old and still running', now: new Date('2020-01-01T00:00:00Z') });
  onTestFinished(() => rmSync(old.workPath, { recursive: true, force: true }));
  for (let i = 0; i < 4; i++) createRunFolder(root, { title: 'x', now: new Date(Date.UTC(2021, 0, i + 1)) }).finish();
  mkdirSync(join(root, '00-mine'));
  writeFileSync(join(root, '00-mine/notes'), '');
  expect(pruneRuns(root, 2)).toHaveLength(2);
  expect(listRuns(root)).toHaveLength(3);
  expect(existsSync(old.path)).toBe(true);
  expect(existsSync(join(root, '00-mine/notes'))).toBe(true);
});

test('making runs keeps their number bounded', () => {
  for (let i = 0; i < keptRuns + 3; i++)
    createRunFolder(root, { title: 'x', now: new Date(Date.UTC(2021, 0, i + 1)) }).finish();
  expect(listRuns(root)).toHaveLength(keptRuns);
});

test.each([
  ['/plans/integration/plan-01-readonly', 'plans-integration-plan-01-readonly'],
  ['../../etc', 'etc'],
  ['a b/', 'a-b'],
])('%j is the path word %j', (name, word) => {
  expect(pathWord(name)).toBe(word);
});
