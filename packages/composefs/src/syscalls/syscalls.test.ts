import { closeSync, constants, fstatSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { listAttributes, readAttribute, readAttributeOfFd, writeAttribute } from './extended-attributes.ts';
import { cloneFile, syncFileSystem } from './file-systems.ts';
import { isSystemError } from './libc.ts';
import { linkFile, openUnnamed, renameExchange, renameNoReplace } from './links.ts';
import { lock, tryLock, unlock } from './locks.ts';
import { enableFileVerity, measureFileVerity } from './verity.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'syscalls-' });
afterAll(() => folder.removeCallback());
const at = (name: string) => join(folder.name, name);

test('a file without a name gets one, and never takes the place of another', () => {
  const fd = openUnnamed(folder.name, 0o644);
  writeSync(fd, 'content');
  expect(fstatSync(fd).nlink).toBe(0);
  linkFile(fd, at('linked'));
  expect(() => linkFile(fd, at('linked'))).toThrow(
    expect.objectContaining({ code: 'EEXIST', errno: -17, syscall: 'linkat', path: at('linked') }),
  );
  closeSync(fd);
  expect(readFileSync(at('linked'), 'utf8')).toBe('content');
});

test('renames exchange, or do not replace', () => {
  writeFileSync(at('one'), '1');
  writeFileSync(at('two'), '2');
  renameExchange(at('one'), at('two'));
  expect(readFileSync(at('one'), 'utf8')).toBe('2');
  expect(() => renameNoReplace(at('one'), at('two'))).toThrow(expect.objectContaining({ code: 'EEXIST' }));
  renameNoReplace(at('one'), at('three'));
  expect(readFileSync(at('three'), 'utf8')).toBe('2');
});

test('a path with a NUL byte is refused', () => {
  expect(() => renameNoReplace('a\0b', 'c')).toThrow(TypeError);
});

test('an exclusive lock waits for the shared one, until it is free or the wait is called off', async () => {
  const directory = () => openSync(folder.name, constants.O_RDONLY | constants.O_DIRECTORY);
  const [reader, writer] = [directory(), directory()];
  await lock(reader, 'shared');
  expect(tryLock(writer, 'exclusive')).toBe(false);
  const abort = new AbortController();
  const aborted = lock(writer, 'exclusive', abort.signal).catch((error: unknown) => error);
  abort.abort(new Error('called off'));
  expect(await aborted).toMatchObject({ message: 'called off' });
  const waiting = lock(writer, 'exclusive');
  unlock(reader);
  await waiting;
  expect(tryLock(reader, 'shared')).toBe(false);
  closeSync(writer);
  expect(tryLock(reader, 'shared')).toBe(true);
  closeSync(reader);
});

test('a lock on a closed descriptor fails at once', async () => {
  await expect(lock(999_999, 'shared')).rejects.toMatchObject({ code: 'EBADF', syscall: 'flock' });
});

test('a file system is synced, and a failure on the pool keeps its own error', async () => {
  const fd = openSync(folder.name, constants.O_RDONLY);
  const outcomes = await Promise.allSettled([syncFileSystem(fd), syncFileSystem(999_999), enableFileVerity(fd, 2)]);
  closeSync(fd);
  expect(outcomes[0]).toMatchObject({ status: 'fulfilled' });
  expect(outcomes[1]).toMatchObject({ reason: { code: 'EBADF', syscall: 'syncfs' } });
  // A directory cannot be sealed, whatever the file system.
  expect(outcomes[2]).toMatchObject({ status: 'rejected', reason: { syscall: 'ioctl FS_IOC_ENABLE_VERITY' } });
});

test('what /proc cannot do says so', () => {
  const fd = openSync('/proc/self/status', constants.O_RDONLY);
  const target = openUnnamed(folder.name, 0o600);
  expect(() => measureFileVerity(fd)).toThrow(expect.objectContaining({ code: 'ENOTTY' }));
  const attempt = () => cloneFile(fd, target);
  expect(attempt).toThrow(expect.objectContaining({ syscall: 'ioctl FICLONE' }));
  closeSync(fd);
  closeSync(target);
});

test('attributes come back as they were set, also empty and binary ones', () => {
  const path = at('attributes');
  writeFileSync(path, '');
  const value = Uint8Array.of(0, 255, 10);
  writeAttribute(path, 'user.binary', value);
  writeAttribute(Buffer.from(path), 'user.empty', new Uint8Array());
  expect(
    listAttributes(path)
      .filter((name) => name.startsWith('user.'))
      .sort(),
  ).toEqual(['user.binary', 'user.empty']);
  expect(readAttribute(path, 'user.binary')).toEqual(value);
  expect(readAttribute(path, 'user.empty')).toEqual(new Uint8Array());
  expect(readAttribute(path, 'user.none')).toBeUndefined();
  const fd = openSync(path, constants.O_RDONLY);
  expect(readAttributeOfFd(fd, 'user.binary')).toEqual(value);
  closeSync(fd);
  expect(() => listAttributes(at('missing'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});

test('system errors are told from others', () => {
  expect(isSystemError(Object.assign(new Error(), { code: 'ENOENT' }), 'EIO', 'ENOENT')).toBe(true);
  expect(isSystemError(Object.assign(new Error(), { code: 'ENOTSUP' }), 'EOPNOTSUPP')).toBe(true);
  expect(isSystemError(new Error('ENOENT'), 'ENOENT')).toBe(false);
});
