import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { devPlacesIn } from '../dev/dev-places.ts';
import { withBuildFolders } from '../image/build-lock.ts';
import { keepMatrix } from '../test-matrix/keep-matrix.ts';
import { cleanTarget } from './clean-target.ts';
import { formatOwner, ownerOf } from './owner.ts';
import { createRunFolder } from './run-folder.ts';

let target: string;
beforeEach(() => {
  target = mkdtempSync(join(tmpdir(), 'target-'));
  for (const name of ['tools', 'secure-boot-keys', 'cache', 'sysext', 'dev']) mkdirSync(join(target, name));
});
afterEach(() => rmSync(target, { recursive: true }));

const clean = (change = {}) => cleanTarget({ target, all: false, dryRun: false, ...change });

test('what runs generated is removed; tools stay unless all is to go, keys stay always', async () => {
  expect((await clean({ dryRun: true })).removed).toEqual(['cache', 'dev', 'sysext']);
  expect(readdirSync(target)).toHaveLength(5);
  await clean();
  expect(readdirSync(target).sort()).toEqual(['secure-boot-keys', 'tools']);
  await clean({ all: true });
  expect(readdirSync(target)).toEqual(['secure-boot-keys']);
});

test('a run or a matrix that goes on keeps all of it', async () => {
  const run = createRunFolder(join(target, 'runs'), { title: 'readonly' });
  await expect(clean()).rejects.toMatchObject({
    code: 'RUNS_GO_ON',
    message: `process ${process.pid} runs tests in ${target}`,
  });
  run.finish();
  const state = { startedAt: new Date().toISOString(), cells: [], plans: [], results: [] };
  keepMatrix(join(target, 'matrix'), { ...state, owner: formatOwner(ownerOf()) });
  await expect(clean()).rejects.toMatchObject({ code: 'RUNS_GO_ON' });
  keepMatrix(join(target, 'matrix'), { ...state, owner: formatOwner({ ...ownerOf(), startTicks: '1' }) });
  expect((await clean()).removed).toContain('runs');
});

test('a build that goes on keeps all of it, and the lock that builds wait for stays', async () => {
  const { signal } = new AbortController();
  const whileBuilding = () => expect(clean()).rejects.toMatchObject({ code: 'BUILD_GOES_ON' });
  await withBuildFolders('build x', whileBuilding, { signal, target });
  expect(readdirSync(target)).toContain('cache');
  expect((await clean()).removed).toContain('cache');
  expect(readdirSync(target)).toContain('build.lock');
});

test('what a development VM sees of this machine stays as long as there is one', async () => {
  const { connection, keyFile } = devPlacesIn(target);
  writeFileSync(connection, '{"port":2222}');
  writeFileSync(keyFile, 'KEY');
  expect(await clean()).toEqual({ removed: ['cache'], spared: ['bootc-dev.ssh-key', 'dev', 'sysext'] });
  expect(readdirSync(target)).toContain('sysext');
});
