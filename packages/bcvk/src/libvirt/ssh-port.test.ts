import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lock } from '@workbench/run/flock';
import { expect, onTestFinished, test } from 'vitest';
import { createPhases } from '../progress/phases.ts';
import { withSshPort } from './ssh-port.ts';
import type { VmParts } from './vm-parts.ts';

test('whoever waits for the ports says for whom, and stops waiting when it is told to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ssh-port-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  using _held = await lock(join(folder, 'ports.lock'), { holder: 'starting VM one' });
  const stop = new AbortController();
  const lines: string[] = [];
  const write = (text: string): void => {
    lines.push(text);
    stop.abort(new Error('told to'));
  };
  const context = { folders: { runtime: folder }, phases: createPhases({ write }), signal: stop.signal };
  const parts = { context } as unknown as VmParts;
  await expect(withSshPort('two', parts, async () => 1)).rejects.toThrow('told to');
  expect(lines).toEqual([`Waiting for process ${process.pid} starting VM one\n`]);
});
