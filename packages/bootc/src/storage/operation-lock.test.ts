import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lockOperations } from './operation-lock.ts';

test('a second one waits for the first, and gives up when it is told to', async () => {
  const root = mkdtempSync(join(tmpdir(), 'operation-lock-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const events: string[] = [];
  const first = await lockOperations(root);
  const second = lockOperations(root).then((held) => {
    events.push('second');
    return held;
  });
  await expect(lockOperations(root, AbortSignal.timeout(20))).rejects.toThrow();
  events.push('first is done');
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  expect(events).toEqual(['first is done', 'second']);
  using _third = await lockOperations(root);
});
