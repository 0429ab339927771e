import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openRepository } from '@workbench/composefs';
import { expect, test, vi } from 'vitest';
import { bootableFiles, deploy, makeTestSystem, writeImageLayout } from '../storage/test-system.testing.ts';
import { copyToDefaultStorage } from './copy-to-storage.ts';

test('a copy that is stopped leaves no export behind', async () => {
  // In place of podman, which only lays its storage out here.
  vi.stubEnv('BOOTC_EXP_EXTERNAL_CONTAINER_TOOL', 'true');
  const system = await makeTestSystem();
  const { manifestDigest } = await deploy(
    system,
    writeImageLayout(join(system.directory, 'image'), bootableFiles('1', 'k'.repeat(4 << 20))),
  );
  await using repository = await openRepository(system.repositoryPath);
  const exports = () => readdirSync('/var/tmp').filter((name) => name.startsWith('bootc-export-'));
  const before = exports();
  const stop = new AbortController();
  const copying = copyToDefaultStorage(repository, {
    manifestDigest,
    target: 'localhost/never',
    signal: stop.signal,
  });
  const whenBegun = setInterval(() => {
    if (exports().length > before.length) stop.abort(new Error('stopped'));
  }, 1);
  await expect(copying).rejects.toThrow(/^stopped$/);
  clearInterval(whenBegun);
  expect(exports()).toEqual(before);
  rmSync(system.directory, { recursive: true });
});
