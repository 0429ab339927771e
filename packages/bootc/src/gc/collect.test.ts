import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openRepository } from '@workbench/composefs';
import { expect, test } from 'vitest';
import {
  bootableFiles,
  deploy,
  makeTestSystem,
  openTestStorage,
  writeEntrySet,
  writeImageLayout,
} from '../storage/test-system.testing.ts';
import { collectSystemGarbage } from './collect.ts';

test('whoever waits for others is told so, and can be stopped', async () => {
  const system = await makeTestSystem();
  const booted = await deploy(system, writeImageLayout(join(system.directory, 'image'), bootableFiles('1')));
  writeEntrySet(system, 'entries', [booted]);
  await using storage = await openTestStorage(system, booted.id);
  const options = { isDryRun: false, onlyBootFiles: false };
  {
    await using _other = await openRepository(system.repositoryPath);
    const stop = new AbortController();
    const told: string[] = [];
    const onWait = (line: string) => {
      told.push(line);
      stop.abort(new Error('stopped'));
    };
    await expect(collectSystemGarbage(storage, { ...options, signal: stop.signal, onWait })).rejects.toThrow('stopped');
    expect(told).toEqual([expect.stringMatching(/^waiting until nobody else uses .*composefs/)]);
  }
  await collectSystemGarbage(storage, options);
  rmSync(system.directory, { recursive: true });
});
