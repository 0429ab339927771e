import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { followEdits } from './watch.ts';

function sources(): string {
  const root = mkdtempSync(join(tmpdir(), 'watch-'));
  mkdirSync(join(root, 'src/deep'), { recursive: true });
  return root;
}

test('a burst of edits is told once, and those of tests are not told', async () => {
  const root = sources();
  const controller = new AbortController();
  const edits = followEdits(root, controller.signal, ['src']);
  const edit = async (...names: string[]): Promise<unknown> => {
    const next = edits.next();
    for (const name of names) writeFileSync(join(root, name), '1');
    return (await next).value?.file;
  };
  expect(await edit('src/a.ts', 'src/a.ts', 'src/deep/b.ts')).toBe('src/deep/b.ts');
  expect(await edit('src/a.test.ts', 'src/.hidden', 'src/c.ts')).toBe('src/c.ts');
  const last = edits.next();
  controller.abort();
  expect(await last).toMatchObject({ done: true });
});

test('an edit counts from the call on, also while nobody asks', async () => {
  const root = sources();
  const controller = new AbortController();
  const before = performance.now();
  const edits = followEdits(root, controller.signal, ['src']);
  writeFileSync(join(root, 'src/a.ts'), '1');
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { value } = await edits.next();
  expect(value).toMatchObject({ file: 'src/a.ts' });
  // The time is that of the edit, not of the question.
  expect(value?.at - before).toBeLessThan(300);
  controller.abort();
});

test('a folder that cannot be watched is told', async () => {
  const edits = followEdits('/no/such', new AbortController().signal, ['folder']);
  await expect(edits.next()).rejects.toMatchObject({ code: 'ENOENT' });
});
