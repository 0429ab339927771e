import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { lockOperations } from './operation-lock.ts';

function makeRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'operation-lock-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  return root;
}

/** Takes the lock in a process of its own, which was called with these arguments, and ends. */
function lockElsewhere(root: string, args: readonly string[]): { stderr: Promise<string>; waits: Promise<unknown> } {
  const module = fileURLToPath(new URL('./operation-lock.ts', import.meta.url));
  const program = `const { lockOperations } = await import(${JSON.stringify(module)});
    using _ = await lockOperations(${JSON.stringify(root)});
    process.stderr.write('taken\\n');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program, '--', '', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  return {
    stderr: new Promise((resolve) => child.once('close', () => resolve(text))),
    waits: new Promise((resolve) => child.stderr.once('data', resolve)),
  };
}

test('a second one waits for the first, and gives up when it is told to', async () => {
  const root = makeRoot();
  const events: string[] = [];
  const first = await lockOperations(root);
  const second = lockOperations(root).then((held) => {
    events.push('second');
    return held;
  });
  const reason = new Error('told to');
  await expect(lockOperations(root, AbortSignal.abort(reason))).rejects.toBe(reason);
  events.push('first is done');
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  expect(events).toEqual(['first is done', 'second']);
  using _third = await lockOperations(root);
});

test('whoever waits says once for whom, and nothing where the lock is free', async () => {
  const root = makeRoot();
  expect(await lockElsewhere(root, ['upgrade', '--check']).stderr).toBe('taken\n');
  const first = await lockOperations(root);
  const second = lockElsewhere(root, ['upgrade']);
  await second.waits;
  first[Symbol.dispose]();
  const holder = ['bootc', ...process.argv.slice(2)].join(' ');
  expect(await second.stderr).toBe(`notice: waiting for process ${process.pid} ${holder}\ntaken\n`);
});
