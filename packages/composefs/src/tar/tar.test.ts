import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { writeDumpfile } from '../dumpfile/write-dumpfile.ts';
import { findNode } from '../tree/find-node.ts';
import { transformImageTree } from '../tree/image-transform.ts';
import { type MadeEntry, makeEntry, makeHeader, makePax, makeTar, padded, writeChecksum } from './make-tar.testing.ts';
import { readTar } from './read-tar.testing.ts';

interface TarCase {
  name: string;
  ok: boolean;
  dump?: string;
  entries: MadeEntry[];
}

const vectors = JSON.parse(readFileSync(new URL('../../vectors/vectors.json', import.meta.url), 'utf8')) as {
  tarCases: TarCase[];
};

const usr: MadeEntry = { name: 'usr/', type: 'dir', mode: '755' };
const invalid = expect.objectContaining({ code: 'TAR_INVALID' });

describe('layers that cfsctl was given', () => {
  test.each(vectors.tarCases)('$name', ({ ok, dump, entries }) => {
    const build = () => {
      const root = readTar(makeTar(entries));
      transformImageTree(root);
      return writeDumpfile(root);
    };
    if (ok) expect(build()).toBe(dump);
    else
      expect(build).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^(TAR_INVALID|TREE_NOT_A_ROOT)$/) }),
      );
  });
});

test('numbers may be base-256, and owners are cut to 32 bits', () => {
  const [header, content] = makeEntry({ name: 'x', type: 'file', content: 'abc' }) as [Buffer, Buffer];
  const base256 = (value: bigint, offset: number, length: number) => {
    header.fill(0, offset, offset + length);
    header.writeBigUInt64BE(value, offset + length - 8);
    header[offset] = 0x80;
  };
  base256(3n, 124, 12);
  base256(17_000_000_000n, 136, 12);
  header.fill(0, 108, 116);
  header.writeUInt32BE(0xfffffffe, 112);
  header[108] = 0x80;
  const root = readTar(Buffer.concat([writeChecksum(header), content, Buffer.alloc(1024)]));
  expect(findNode(root, 'x')?.metadata).toMatchObject({ uid: 0xfffffffe, mtimeSeconds: 17_000_000_000n });
});

test('PAX goes before GNU, which goes before the header', () => {
  const gnu = (typeFlag: string, text: string) => [
    makeHeader({ name: '././@LongLink', typeFlag, size: text.length + 1 }),
    padded(Buffer.from(`${text}\0`)),
  ];
  const archive = Buffer.concat([
    ...gnu('L', 'by-gnu'),
    ...makeEntry({ name: 'by-header', type: 'file' }),
    ...gnu('L', 'not-this'),
    ...gnu('K', 'target-by-gnu'),
    ...makeEntry({ name: 'nor-this', type: 'symlink', target: 'nor-that', pax: { path: 'by-pax' } }),
    Buffer.alloc(1024),
  ]);
  const root = readTar(archive);
  expect([...root.entries.keys()]).toEqual(['by-gnu', 'by-pax']);
  expect(findNode(root, 'by-pax')).toMatchObject({ type: 'symlink', target: 'target-by-gnu' });
});

test('the ustar prefix is part of the name', () => {
  const header = makeHeader({ name: 'x', typeFlag: '0', size: 0 });
  header.write('usr', 345, 'latin1');
  const root = readTar(Buffer.concat([...makeEntry(usr), writeChecksum(header), Buffer.alloc(1024)]));
  expect(findNode(root, 'usr/x')?.type).toBe('file');
});

test('attributes keep any bytes, times their nanoseconds', () => {
  const pax = { 'SCHILY.xattr.user.bin\xff': 'a\0=\n\xfe', mtime: '12.000000001', uid: '5' };
  const root = readTar(makeTar([{ name: 'x', type: 'fifo', pax }]));
  const { xattrs, ...metadata } = findNode(root, 'x')?.metadata ?? {};
  expect(metadata).toMatchObject({ mtimeSeconds: 12n, mtimeNanoseconds: 1, uid: 5 });
  expect(xattrs).toEqual(new Map([['user.bin\xff', Uint8Array.from(Buffer.from('a\0=\n\xfe', 'latin1'))]]));
});

test('devices are packed as st_rdev has them', () => {
  const root = readTar(makeTar([{ name: 'tty', type: 'char', device: [5, 0x12345] }]));
  expect(findNode(root, 'tty')).toMatchObject({ type: 'char-device', device: 0x12300545 });
});

test('an archive may end without zero blocks, or go on after them', () => {
  const entry = Buffer.concat(makeEntry({ name: 'x', type: 'file', content: 'abc' }));
  expect(readTar(entry).entries.size).toBe(1);
  expect(readTar(Buffer.concat([entry, Buffer.alloc(1024), Buffer.from('rest')])).entries.size).toBe(1);
});

test('an earlier magic has no prefix', () => {
  const header = makeHeader({ name: 'x', typeFlag: '0', size: 0 });
  header.write('usr', 345, 'latin1');
  header.write('ustar\x0001', 257, 'latin1');
  expect(findNode(readTar(writeChecksum(header)), 'x')?.type).toBe('file');
});

test('times before 1970 are base-256, and PAX times wrap around', () => {
  const entry = makeEntry({ name: 'x', type: 'fifo' });
  const timeOf = (blocks: Buffer[]) => findNode(readTar(Buffer.concat(blocks)), 'x')?.metadata;
  const early = changed(entry, (header) => header.fill(0xff, 136, 147).fill(0xfb, 147, 148));
  expect(timeOf([early])).toMatchObject({ mtimeSeconds: -5n });
  const wrapped = [...makePax({ mtime: '18446744073709551615.1234567891x' }), ...entry];
  expect(timeOf(wrapped)).toMatchObject({ mtimeSeconds: -1n, mtimeNanoseconds: 123_456_789 });
});

function changed([header]: Buffer[], change: (header: Buffer) => unknown): Buffer {
  const copy = Buffer.from(header as Buffer);
  change(copy);
  return writeChecksum(copy);
}

test('of a PAX time before 1970 it is told whose it is', () => {
  const archive = makeTar([{ name: 'usr/old', type: 'fifo', pax: { mtime: '-5.5' } }]);
  expect(() => readTar(archive)).toThrow(
    expect.objectContaining({
      code: 'TAR_INVALID',
      message: expect.stringContaining('"usr/old", -5.5, lies before 1970'),
      hint: expect.stringContaining('touch'),
    }),
  );
});

describe('refused', () => {
  const file = makeEntry({ name: 'x', type: 'file', content: 'abc' });
  const damaged = Buffer.from(file[0] as Buffer).fill('y', 0, 1);
  const cases: Record<string, Buffer[]> = {
    'a wrong checksum': [damaged, file[1] as Buffer],
    'an end inside a header': [...file, Buffer.alloc(100, 1)],
    'an end inside a file': [file[0] as Buffer, Buffer.alloc(2)],
    'a GNU sparse file': [makeHeader({ name: 'x', typeFlag: 'S', size: 0 })],
    'a PAX sparse file': [...makePax({ 'GNU.sparse.major': '1' }), ...file],
    'an unknown type': [makeHeader({ name: 'x', typeFlag: 'V', size: 0 })],
    'a PAX size that is no number': [...makePax({ size: '1e3' }), ...file],
    'a negative base-256 number': [
      writeChecksum(makeHeader({ name: 'x', typeFlag: '0', size: 0 }).fill(0xff, 124, 136)),
    ],
    'a damaged PAX header': [makeHeader({ name: 'p', typeFlag: 'x', size: 8 }), padded(Buffer.from('99 a=b\n\n'))],
    'seventeen extension headers': [...Array.from({ length: 17 }, () => makePax({ a: 'b' })).flat(), ...file],
    'over 1 MiB of extensions': [...makePax({ comment: 'x'.repeat(1024 * 1024) }), ...file],
    'two PAX headers': [...makePax({ path: 'a' }), ...makePax({ uid: '5' }), ...file],
    'an empty PAX path': [...makePax({ path: '' }), ...file],
    'a PAX time of more than 64 bits': [...makePax({ mtime: '18446744073709551616' }), ...file],
    'a number in pieces': [changed(file, (header) => header.write('1 2', 108)), file[1] as Buffer],
    'a hard link that leads out': makeEntry({ name: 'y', type: 'hardlink', target: '../x' }),
    'a NUL in a PAX path': [...makePax({ path: 'a\0b' }), ...file],
  };
  test.each(Object.entries(cases))('%s', (_, blocks) => {
    expect(() => readTar(Buffer.concat(blocks))).toThrow(invalid);
  });
});
