import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lock, tryLock } from './flock.ts';

const file = () => join(mkdtempSync(join(tmpdir(), 'lock-')), 'deep/a.lock');

test('a lock is held once, names its holder, and is free after disposal', () => {
  const path = file();
  {
    using held = tryLock(path, 'install x');
    expect(held?.path).toBe(path);
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid} install x\n`);
    expect(tryLock(path, 'another')).toBeUndefined();
  }
  using again = tryLock(path, 'another');
  expect(again).toBeDefined();
});

test('a waiter is told who holds the lock, and gets it when that one is done', async () => {
  const path = file();
  const held = tryLock(path, 'first')!;
  const waited: string[] = [];
  const second = lock(path, { holder: 'second', onWait: (holder) => waited.push(holder) });
  held[Symbol.dispose]();
  using got = await second;
  expect(got.path).toBe(path);
  expect(waited).toEqual([`${process.pid} first`]);
});

test('a lock that stays taken is an error that names the holder', async () => {
  const path = file();
  using _held = tryLock(path, 'the first one');
  await expect(lock(path, { holder: 'second', timeoutMs: 0 })).rejects.toMatchObject({
    code: 'LOCK_TIMEOUT',
    message: `${path} is still held by process ${process.pid} the first one`,
  });
});
