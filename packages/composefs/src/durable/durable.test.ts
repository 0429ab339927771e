import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { removeFile, removeTree } from './remove.ts';
import { exchange, renameNoReplace, replaceFile, replaceSymlink } from './replace.ts';
import { observeMutations } from './seam.ts';
import { stopAtEveryMutation } from './stop.testing.ts';
import { syncTree } from './sync.ts';
import { createUnnamed, dropUnnamed, publishFile } from './unnamed-file.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'durable-' });
afterAll(() => folder.removeCallback());
let directory = '';
let count = 0;
beforeEach(() => {
  directory = join(folder.name, String(count++));
  mkdirSync(directory);
});
const at = (name: string) => join(directory, name);

test('a replaced file has the old content or the new one, wherever it is stopped', async () => {
  const stops = await stopAtEveryMutation({
    prepare() {
      writeFileSync(at('file'), 'old');
      rmSync(at('.file.new'), { force: true });
    },
    act: () => replaceFile(directory, 'file', 'new', { mode: 0o600 }),
    afterStop: () => expect(['old', 'new']).toContain(readFileSync(at('file'), 'utf8')),
  });
  expect(stops).toEqual(['create', 'write', 'fsync', 'rename', 'fsync']);
  expect(readFileSync(at('file'), 'utf8')).toBe('new');
  expect(statSync(at('file')).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory)).toEqual(['file']);
});

test('what a stopped replacement left is removed by the next one', async () => {
  {
    using _ = observeMutations(({ name }) => {
      if (name === 'rename' || name === 'unlink') throw new Error('stopped');
    });
    await expect(replaceFile(directory, 'file', 'part')).rejects.toThrow('stopped');
  }
  expect(readdirSync(directory)).toEqual(['.file.new']);
  await replaceFile(directory, 'file', 'whole');
  expect(readdirSync(directory)).toEqual(['file']);
  rmSync(at('file'));
});

test('a failed replacement leaves nothing behind', async () => {
  mkdirSync(at('taken'));
  await expect(replaceFile(directory, 'taken', 'x')).rejects.toMatchObject({
    code: expect.stringMatching(/E(ISDIR|EXIST)/),
  });
  expect(readdirSync(directory)).toEqual(['taken']);
});

test('a mutation can be made to fail', async () => {
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  {
    using _ = observeMutations(({ name }) => {
      if (name === 'write') throw full;
    });
    await expect(replaceFile(directory, 'file', 'x')).rejects.toBe(full);
  }
  expect(readdirSync(directory)).toEqual([]);
});

test('a link is replaced atomically, and not touched when it is right already', () => {
  replaceSymlink(at('link'), 'one', directory);
  const before = lstatSync(at('link')).ino;
  replaceSymlink(at('link'), 'one', directory);
  expect(lstatSync(at('link')).ino).toBe(before);
  replaceSymlink(at('link'), 'two', directory);
  expect(readlinkSync(at('link'))).toBe('two');
  writeFileSync(at('file'), '');
  replaceSymlink(at('file'), 'three', directory);
  expect(readlinkSync(at('file'))).toBe('three');
  expect(readdirSync(directory).sort()).toEqual(['file', 'link']);
});

test('exchange swaps, renaming never replaces', async () => {
  writeFileSync(at('a'), 'A');
  mkdirSync(at('b'));
  await exchange(directory, 'a', 'b');
  expect(statSync(at('a')).isDirectory()).toBe(true);
  await expect(renameNoReplace(directory, 'b', 'a')).rejects.toMatchObject({ code: 'EEXIST' });
  await renameNoReplace(directory, 'b', 'c');
  expect(readFileSync(at('c'), 'utf8')).toBe('A');
});

test('a tree is removed with names that are no text, and a link without what it leads to', async () => {
  mkdirSync(at('outside'));
  mkdirSync(at('tree/deep/er'), { recursive: true });
  writeFileSync(Buffer.concat([Buffer.from(at('tree/deep/')), Buffer.from([0xff, 0xfe])]), '');
  symlinkSync(at('outside'), at('tree/link'));
  await syncTree(at('tree'));
  await removeTree(at('tree'));
  await removeTree(at('tree'));
  symlinkSync('outside', at('link'));
  await removeTree(at('link'));
  expect(readdirSync(directory)).toEqual(['outside']);
});

test('removing what is not there is no error', async () => {
  await removeFile(at('nothing'));
  await removeFile(at('no/thing')).catch(() => {});
  writeFileSync(at('file'), '');
  await removeFile(at('file'));
  expect(existsSync(at('file'))).toBe(false);
});

test('an unnamed file appears whole or not at all, and never in the place of another', () => {
  const first = createUnnamed(directory, 0o644);
  writeFileSync(first.fd, 'content');
  expect(readdirSync(directory)).toEqual([]);
  expect(publishFile(first, at('name'))).toBe(true);
  dropUnnamed(first);
  const second = createUnnamed(directory, 0o644);
  expect(publishFile(second, at('name'))).toBe(false);
  dropUnnamed(second);
  expect(readFileSync(at('name'), 'utf8')).toBe('content');
  expect(readdirSync(directory)).toEqual(['name']);
});
