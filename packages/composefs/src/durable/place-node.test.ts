import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { listAttributes, readAttribute, writeAttribute } from '../syscalls/extended-attributes.ts';
import { type PlacedAttributes, placeDirectory, placeFile, placeSymlink } from './place-node.ts';

const folder = dirSync({ unsafeCleanup: true });
afterAll(() => folder.removeCallback());
const at = (name: string): Buffer => Buffer.from(join(folder.name, name));
const own: PlacedAttributes = {
  permissions: 0,
  xattrs: new Map(),
  mtimeNanoseconds: 0,
  uid: process.getuid!(),
  gid: process.getgid!(),
  mtimeSeconds: 1_700_000_000n,
};

test('a file is placed with mode, attributes and time, also over a link', () => {
  placeSymlink(at('file'), '/nowhere', own);
  expect(readlinkSync(at('file'))).toBe('/nowhere');
  expect(lstatSync(at('file')).mtimeMs).toBe(1_700_000_000_000);
  const xattrs = new Map([['user.x', Buffer.from('y')]]);
  placeFile(at('file'), { data: Buffer.from('content') }, { ...own, permissions: 0o4640, xattrs });
  expect(readFileSync(at('file'), 'utf8')).toBe('content');
  expect(lstatSync(at('file')).mode & 0o7777).toBe(0o4640);
  expect(lstatSync(at('file')).mtimeMs).toBe(1_700_000_000_000);
  expect(readAttribute(at('file'), 'user.x')).toEqual(new Uint8Array([121]));
});

test('the content may come from another file, from its beginning', () => {
  const content = Buffer.alloc(200_000, 'abc');
  writeFileSync(at('source'), content);
  const fd = openSync(at('source'), 'r');
  placeFile(at('copy'), { fd }, own);
  closeSync(fd);
  expect(readFileSync(at('copy')).equals(content)).toBe(true);
});

test('a directory gets exactly the attributes, whether it was there or not', () => {
  placeDirectory(at('made'), { ...own, permissions: 0o750 });
  expect(statSync(at('made')).mode & 0o7777).toBe(0o750);
  mkdirSync(at('there'));
  writeAttribute(at('there'), 'user.old', Buffer.from('1'));
  const xattrs = new Map([['user.new', Buffer.from('2')]]);
  placeDirectory(at('there'), { ...own, permissions: 0o2755, xattrs });
  expect(statSync(at('there')).mode & 0o7777).toBe(0o2755);
  expect(listAttributes(at('there')).filter((name) => name.startsWith('user.'))).toEqual(['user.new']);
  expect(() => placeDirectory(at('copy'), own)).toThrow('ENOTDIR');
  expect(() => placeFile(at('made'), { data: Buffer.alloc(0) }, own)).toThrow(/EISDIR|EPERM/);
});
