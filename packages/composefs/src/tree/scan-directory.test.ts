import { linkSync, lutimesSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { findNode } from './find-node.ts';
import { scanDirectory } from './scan-directory.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'scan-' });
afterAll(() => folder.removeCallback());

test('small files are in the tree, others are asked for once, and hard links are kept or not', async () => {
  mkdirSync(join(folder.name, 'd'));
  writeFileSync(join(folder.name, 'small'), 'x'.repeat(64));
  writeFileSync(join(folder.name, 'large'), 'x'.repeat(65));
  linkSync(join(folder.name, 'large'), join(folder.name, 'd/linked'));
  const asked: string[] = [];
  const digestFile = async (path: Buffer, sizeBytes: number) => {
    asked.push(`${path.toString().split('/').at(-1)} ${sizeBytes}`);
    return 'ab'.repeat(32);
  };
  const tree = await scanDirectory(folder.name, { digestFile });
  expect(asked).toHaveLength(1);
  expect(findNode(tree, 'small')).toMatchObject({ content: { kind: 'inline' } });
  expect(findNode(tree, 'large')).toMatchObject({ content: { kind: 'external', sizeBytes: 65n } });
  expect(findNode(tree, 'd/linked')).toBe(findNode(tree, 'large'));
  const unlinked = await scanDirectory(folder.name, { digestFile, keepHardLinks: false });
  expect(findNode(unlinked, 'd/linked')).not.toBe(findNode(unlinked, 'large'));
  expect(asked.slice(1).sort()).toEqual(['large 65', 'linked 65']);
});

test('a time before 1970 has nanoseconds that count forward', async () => {
  const path = join(folder.name, 'old');
  writeFileSync(path, '');
  lutimesSync(path, new Date(-1500), new Date(-1500));
  const tree = await scanDirectory(folder.name, { digestFile: async () => '' });
  expect(findNode(tree, 'old')?.metadata).toMatchObject({ mtimeSeconds: -2n, mtimeNanoseconds: 500_000_000 });
});

test('several files are asked for at the same time, but not all, and the first failure is thrown', async () => {
  const path = join(folder.name, 'many');
  mkdirSync(path);
  for (let i = 0; i < 300; i++) writeFileSync(join(path, String(i)), 'x'.repeat(100));
  let underWay = 0;
  let most = 0;
  const digestFile = async (file: Buffer) => {
    underWay += 1;
    most = Math.max(most, underWay);
    await nextTurn();
    underWay -= 1;
    return file.toString().split('/').at(-1) as string;
  };
  const tree = await scanDirectory(path, { digestFile });
  for (const [name, node] of tree.entries) expect(node).toMatchObject({ content: { kind: 'external', digest: name } });
  expect(tree.entries.size).toBe(300);
  expect(most).toBe(128);
  const failing = async (file: Buffer) => {
    await nextTurn();
    if (file.toString().endsWith('/7')) throw new Error('unreadable');
    return '';
  };
  await expect(scanDirectory(path, { digestFile: failing })).rejects.toThrow('unreadable');
});
