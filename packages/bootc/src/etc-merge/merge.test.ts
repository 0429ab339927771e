import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '@workbench/run';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compareTrees } from './compare-trees.ts';
import { describeConflicts, mergeConflictError } from './conflict-error.ts';
import { kindInTree, planMerge } from './plan-merge.ts';
import { kindOnDisk, scanEtc } from './read-etc.ts';
import { applyMerge } from './write-etc.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'etc-'));
  for (const side of ['pristine', 'current', 'next']) mkdirSync(join(folder, side));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Side = 'pristine' | 'current' | 'next';

/** Makes the same thing on several sides: a directory without content, a link, or a file. */
function make(sides: readonly Side[], path: string, content?: string | { link: string } | { mode: number }): void {
  for (const side of sides) {
    const target = join(folder, side, path);
    mkdirSync(dirname(target), { recursive: true });
    if (content === undefined) mkdirSync(target, { recursive: true });
    else if (typeof content === 'string') writeFileSync(target, content);
    else if ('link' in content) symlinkSync(content.link, target);
    else {
      mkdirSync(target, { recursive: true });
      chmodSync(target, content.mode);
    }
  }
}

const all: readonly Side[] = ['pristine', 'current', 'next'];
const long = (letter: string): string => letter.repeat(500);
const scan = (side: Side) => scanEtc(join(folder, side), 'sha512');
const read = (path: string): string => readFileSync(join(folder, 'next', path), 'utf8');

async function plan() {
  const next = await scan('next');
  return planMerge(await scan('pristine'), await scan('current'), (path) => kindInTree(next, path));
}

async function merge(): Promise<void> {
  const { conflicts, steps } = await plan();
  expect(conflicts).toEqual([]);
  const places = { current: join(folder, 'current'), target: join(folder, 'next') };
  applyMerge(steps, places);
  // Again, as after an interruption.
  applyMerge(steps, places);
}

test('what changed is told by content, attributes, link target and type, not by time', async () => {
  make(all, 'same', long('s'));
  make(['pristine'], 'content', long('a'));
  make(['current'], 'content', long('b'));
  make(['pristine'], 'short', 'a');
  make(['current'], 'short', 'b');
  make(['pristine', 'current'], 'mode', long('m'));
  chmodSync(join(folder, 'current/mode'), 0o600);
  make(['pristine'], 'link', { link: 'a' });
  make(['current'], 'link', { link: 'b' });
  make(['pristine'], 'type', { link: 'same' });
  make(['current'], 'type', long('t'));
  make(['pristine'], 'removed/deep/file', 'x');
  make(['pristine'], 'directory-to-file/below', 'x');
  make(['current'], 'directory-to-file', 'y');
  make(['current'], 'added/deep/file', 'x');
  await run(['mkfifo', join(folder, 'current/fifo')], { step: 'make a fifo' });
  expect(compareTrees(await scan('pristine'), await scan('current'))).toEqual({
    added: ['added', 'added/deep', 'added/deep/file'],
    modified: ['content', 'directory-to-file', 'link', 'mode', 'short', 'type'],
    removed: ['removed'],
  });
});

test('local changes win, everything else is as the new image has it', async () => {
  make(all, 'untouched', long('o'));
  writeFileSync(join(folder, 'next/untouched'), long('n'));
  make(all, 'both', long('o'));
  writeFileSync(join(folder, 'next/both'), long('n'));
  writeFileSync(join(folder, 'current/both'), long('c'));
  make(all, 'removed', 'r');
  rmSync(join(folder, 'current/removed'));
  make(all, 'removed-folder/file', 'r');
  rmSync(join(folder, 'current/removed-folder'), { recursive: true });
  make(['next'], 'new-in-image', 'n');
  make(['pristine', 'current'], 'gone-in-image', 'g');
  make(['current'], 'local/file', 'l');
  chmodSync(join(folder, 'current/local'), 0o2750);
  chmodSync(join(folder, 'current/local/file'), 0o600);
  make(['current'], 'link', { link: '/target' });
  make(['next'], 'link', 'was a file');
  make(all, 'mode', { mode: 0o755 });
  chmodSync(join(folder, 'current/mode'), 0o700);
  // The new image has no such folder any more, but there is a local change in it.
  make(['pristine', 'current'], 'dropped/kept', long('k'));
  make(['pristine', 'current'], 'dropped/unchanged', long('u'));
  chmodSync(join(folder, 'current/dropped'), 0o711);
  chmodSync(join(folder, 'pristine/dropped'), 0o711);
  writeFileSync(join(folder, 'current/dropped/kept'), long('K'));

  await merge();
  expect(read('untouched')).toBe(long('n'));
  expect(read('both')).toBe(long('c'));
  expect(existsSync(join(folder, 'next/removed'))).toBe(false);
  expect(existsSync(join(folder, 'next/removed-folder'))).toBe(false);
  expect(read('new-in-image')).toBe('n');
  expect(existsSync(join(folder, 'next/gone-in-image'))).toBe(false);
  expect(read('local/file')).toBe('l');
  expect(lstatSync(join(folder, 'next/local')).mode & 0o7777).toBe(0o2750);
  expect(lstatSync(join(folder, 'next/local/file')).mode & 0o7777).toBe(0o600);
  expect(readlinkSync(join(folder, 'next/link'))).toBe('/target');
  expect(lstatSync(join(folder, 'next/mode')).mode & 0o7777).toBe(0o700);
  expect(read('dropped/kept')).toBe(long('K'));
  expect(existsSync(join(folder, 'next/dropped/unchanged'))).toBe(false);
  expect(lstatSync(join(folder, 'next/dropped')).mode & 0o7777).toBe(0o711);
});

test('after the merge there is nothing that differs from the current one but what the image brought', async () => {
  make(all, 'a/b', long('x'));
  make(['current'], 'a/c', long('y'));
  make(['next'], 'a/d', long('z'));
  await merge();
  const { added, modified, removed } = compareTrees(await scan('current'), await scan('next'));
  expect({ added, modified, removed }).toEqual({ added: ['a/d'], modified: [], removed: [] });
});

test('a file here and a directory in the new image, or the reverse, is a conflict; nothing is planned', async () => {
  make(['current'], 'local-file', 'x');
  make(['next'], 'local-file/below', 'y');
  make(['current'], 'local-folder/deep/file', 'x');
  make(['next'], 'local-folder', 'y');
  make(['pristine', 'current'], 'same-folder/file', 'x');
  writeFileSync(join(folder, 'current/same-folder/file'), 'changed');
  make(['next'], 'same-folder', { link: 'elsewhere' });
  // Nothing was changed in there, so the image may do what it likes.
  make(['pristine', 'current'], 'unchanged/file', 'x');
  make(['next'], 'unchanged', 'now a file');
  // What was removed is no reason to keep the folder it was in.
  make(['pristine'], 'removed/file', 'x');
  make(['pristine', 'current'], 'removed/other', 'x');
  make(['next'], 'removed', 'now a file');
  const { conflicts, steps } = await plan();
  expect(steps).toEqual([]);
  expect(describeConflicts(conflicts)).toEqual([
    '/etc/local-file is a directory in the new image, but not here',
    '/etc/local-folder is a directory here, but not in the new image',
    '/etc/same-folder is a directory here, but not in the new image',
  ]);
  expect(mergeConflictError(conflicts).message).toMatch(/^Merge conflicts found in etc: \/etc\/local-file is /);
});

test('a removal below what the image made a file is nothing to do', async () => {
  make(['pristine'], 'removed/file', 'x');
  make(['pristine', 'current'], 'removed/other', 'x');
  make(['next'], 'removed', 'now a file');
  await merge();
  expect(read('removed')).toBe('now a file');
});

test('a removal below what the image made a link is nothing to do: what the link leads to stays', async () => {
  make(['next'], '../shared/file', 'x');
  make(['pristine', 'current'], 'folder/other', 'x');
  make(['pristine'], 'folder/file', 'x');
  make(['next'], 'folder', { link: '../shared' });
  await merge();
  expect(readFileSync(join(folder, 'shared/file'), 'utf8')).toBe('x');
  expect(readlinkSync(join(folder, 'next/folder'))).toBe('../shared');
});

test('what is on disk is told as what is in a tree', async () => {
  make(['next'], 'a/b/file', 'x');
  make(['next'], 'link', { link: 'a' });
  const next = await scan('next');
  for (const path of ['a', 'a/b', 'a/b/file', 'a/b/file/x', 'link', 'link/b', 'none', 'none/x']) {
    expect([path, kindOnDisk(join(folder, 'next'), path)]).toEqual([path, kindInTree(next, path)]);
  }
});

test('names that are not UTF-8 are merged as they are', async () => {
  const name = Buffer.concat([Buffer.from(`${folder}/current/`), Buffer.from([0x66, 0xff])]);
  writeFileSync(name, 'bytes');
  await merge();
  const merged = Buffer.concat([Buffer.from(`${folder}/next/`), Buffer.from([0x66, 0xff])]);
  expect(readFileSync(merged, 'utf8')).toBe('bytes');
});
