import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { followEdits } from './watch.ts';

test('a burst of edits is told once, and those of tests are not told', async () => {
  const root = mkdtempSync(join(tmpdir(), 'watch-'));
  mkdirSync(join(root, 'src/deep'), { recursive: true });
  const controller = new AbortController();
  const edits = followEdits(root, controller.signal, ['src']);
  const edit = async (...names: string[]): Promise<unknown> => {
    const next = edits.next();
    // The watch begins with the first call.
    await new Promise((resolve) => setTimeout(resolve, 30));
    for (const name of names) writeFileSync(join(root, name), '1');
    return (await next).value;
  };
  expect(await edit('src/a.ts', 'src/a.ts', 'src/deep/b.ts')).toBe('src/deep/b.ts');
  expect(await edit('src/a.test.ts', 'src/.hidden', 'src/c.ts')).toBe('src/c.ts');
  const last = edits.next();
  controller.abort();
  expect(await last).toMatchObject({ done: true });
});
