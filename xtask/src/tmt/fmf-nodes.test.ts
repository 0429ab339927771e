import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dir } from 'tmp-promise';
import { expect, onTestFinished, test } from 'vitest';
import { isChosen, listNames, listNodes } from './fmf-nodes.ts';

test('plan names are read from the files', async () => {
  const { path, cleanup } = await dir({ unsafeCleanup: true });
  try {
    await mkdir(join(path, 'plans/more'), { recursive: true });
    await writeFile(join(path, 'plans/one.fmf'), 'discover: {how: fmf}\n');
    await writeFile(
      join(path, 'plans/many.fmf'),
      'execute: {how: tmt}\n/a:\n  discover: {}\n/b:\n  execute: {}\n/c:\n  summary: inherits all\n',
    );
    await writeFile(join(path, 'plans/more/main.fmf'), 'execute: {how: tmt}\n');
    await writeFile(join(path, 'plans/notes.txt'), 'no plan');
    expect(await listNames('plan', path)).toEqual([
      '/plans/many/a',
      '/plans/many/b',
      '/plans/many/c',
      '/plans/more',
      '/plans/one',
    ]);
  } finally {
    await cleanup();
  }
});

test('a node has the keys of those above it, replaced or added to by its own', async () => {
  const { path, cleanup } = await dir({ unsafeCleanup: true });
  onTestFinished(() => cleanup());
  await mkdir(join(path, 'plans'));
  await writeFile(
    join(path, 'plans/many.fmf'),
    'discover: {how: fmf}\nextra-x: true\ntag: [a]\n/a:\n  discover+: {test: ^/tests/a$}\n  tag+: [b]\n/b:\n  extra-x: false\n',
  );
  expect(await listNodes('plan', path)).toEqual([
    { name: '/plans/many/a', discover: { how: 'fmf', test: '^/tests/a$' }, 'extra-x': true, tag: ['a', 'b'] },
    { name: '/plans/many/b', discover: { how: 'fmf' }, 'extra-x': false, tag: ['a'] },
  ]);
});

test('a part of a name chooses all that have it, a whole name that one alone', () => {
  const names = ['/plans/etc-merge', '/plans/etc-merge-conflict'];
  const chosenBy = (...filters: string[]) => names.filter((name) => isChosen(name, filters, names));
  expect(chosenBy('merge')).toEqual(names);
  expect(chosenBy('/plans/etc-merge')).toEqual(['/plans/etc-merge']);
  expect(chosenBy('/plans/etc-merge', 'conflict')).toEqual(names);
});
