import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listenToSteps, type StepEvent } from '../steps/step.ts';
import { withBuildFolders } from './build-lock.ts';

/** Another process that builds in a checkout, from when it has begun until it is killed. */
async function otherBuild(target: string) {
  const script = `
    import { withBuildFolders } from '${join(import.meta.dirname, 'build-lock.ts')}';
    setInterval(() => {}, 1000);
    const options = { signal: new AbortController().signal, target: '${target}' };
    await withBuildFolders('build x', () => { console.log('begun'); return new Promise(() => {}); }, options);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script]);
  await once(child.stdout, 'data');
  return child;
}

test('a build waits for the one of another process, says for whom, and stops waiting when it is told to', async () => {
  const target = mkdtempSync(join(tmpdir(), 'target-'));
  const other = await otherBuild(target);
  const notes: string[] = [];
  const listener = (event: StepEvent) => void (event.kind === 'note' && notes.push(event.text));
  const stop = new AbortController();
  const stopped = listenToSteps(listener, () =>
    withBuildFolders('mine', async () => 'built', { signal: stop.signal, target }),
  );
  expect(notes).toEqual([`waiting for process ${other.pid} build x`]);
  const reason = new Error('Ctrl-C');
  stop.abort(reason);
  await expect(stopped).rejects.toBe(reason);

  const { signal } = new AbortController();
  let isBuilt = false;
  const waiting = withBuildFolders('mine', async () => (isBuilt = true), { signal, target });
  expect(isBuilt).toBe(false);
  other.kill('SIGKILL');
  expect(await waiting).toBe(true);
});
