import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { writeImage } from '../erofs/write-image.ts';
import { computeVerity } from '../fsverity/digest.ts';
import { findNode } from '../tree/find-node.ts';
import { escapeAttribute, escapeField, unescapeField } from './escape.ts';
import { parseDumpfile } from './parse-dumpfile.ts';
import { writeDumpfile } from './write-dumpfile.ts';

const folder = new URL('../../vectors/', import.meta.url);
interface ParsingVector {
  name: string;
  dumpfile: string | null;
  ok: boolean;
  V0?: string;
}
const { dumpfileParsing } = JSON.parse(readFileSync(new URL('vectors.json', folder), 'utf8')) as {
  dumpfileParsing: ParsingVector[];
};

const root = '/ 0 40755 2 0 0 0 1000.0 - - -\n';
/** Inputs that are too long for the file of vectors. */
const longInputs: Record<string, string> = {
  'xattr value 65535': `${root}/a 0 100644 1 0 0 0 0.0 - - - user.x=${'v'.repeat(65535)}\n`,
  'xattr value 65536': `${root}/a 0 100644 1 0 0 0 0.0 - - - user.x=${'v'.repeat(65536)}\n`,
  'path 4096': `${root}/${'n'.repeat(4095)} 0 100644 1 0 0 0 0.0 - - -\n`,
  'path 4097': `${root}/${'n'.repeat(4096)} 0 100644 1 0 0 0 0.0 - - -\n`,
};
/** Why each refused input is refused, in our words; the error also has to name the line. */
const reasons: Record<string, string> = {
  'empty file': 'the dumpfile is empty',
  'first entry not root': 'the first entry is not the root directory',
  'missing fields': 'missing content',
  'relative path': 'not absolute',
  'double slash': 'a component that is empty',
  'trailing slash': 'a component that is empty',
  'dot component': 'a component that is .',
  'dotdot component': 'a component that is ..',
  'missing parent': 'the directory /no does not exist',
  'parent is a file': 'f in /f is no directory',
  'inline 513': 'content has 513 bytes, more than 512',
  'symlink 1025': 'has 1025 bytes, more than 1024',
  'symlink no target': 'missing payload',
  'bad escape': 'invalid escape \\q',
  'unterminated escape': 'unterminated escape',
  'unterminated hex escape': 'invalid hex escape',
  'bad hex escape': 'invalid hex escape',
  'nul in path': 'NUL byte',
  'octal mode 8': 'mode "100848" is no octal number',
  'unknown type': 'mode 644 has an unknown file type',
  'mtime without dot': 'mtime "0" has no dot',
  'negative mtime': 'mtime "-1" is no number',
  'nsec too large': '1000000000 nanoseconds, a second or more',
  'regular with rdev': 'only a device has an rdev, not 5',
  'dir with content': 'only a regular file has content',
  'dir with digest': 'only a regular file has an fs-verity digest',
  'inline with digest': 'a file in the image itself has an fs-verity digest',
  'digest without payload and content': 'a file in the image itself has an fs-verity digest',
  'short digest': '"abcd" is no sha256 digest',
  'payload not an object path': 'payload "ab/cd" is not the path of an object',
  'hardlink to missing': 'no earlier entry /zz',
  'hardlink forward reference': 'no earlier entry /b',
  'hardlink to directory target': 'no earlier entry /d',
  'hardlinked directory mode': 'a directory cannot be a hard link',
  'whiteout nlink 2': 'a whiteout has nlink > 1',
  'whiteout hardlinked, nlink 1': 'has several names',
  'xattr without equals': 'has no =',
  'xattr name 256': 'names of attributes are too long',
  'xattr value 65536': 'more than 65535 bytes',
  'size not a number': 'size "x" is no number',
  'uid too large': 'uid 4294967296 is too large',
  'duplicate entry (last wins)': '/a is replaced by a later entry',
  'two spaces': 'mode "" is no octal number',
  'trailing space': 'has no =',
  'path 4096': 'a name of 4095 bytes is too long',
  'path 4097': 'a path has 4097 bytes',
  'rdev over 32 bits': 'does not fit into 32 bits',
};

/** Digests (SHA-256, V0) that `mkcomposefs --from-file --print-digest-only` of composefs-rs 0.9.4 has for roots of other types. */
const oddRoots = [
  ['block device', '/ 0 60644 1 0 0 256 0.0 - - -', '3d1db51fd55682e6e8aad00700df8faa782c67b79a67c2fb87d0e8e756244091'],
  ['fifo', '/ 0 10644 1 0 0 0 0.0 - - -', '3d1db51fd55682e6e8aad00700df8faa782c67b79a67c2fb87d0e8e756244091'],
  ['file', '/ 5 100644 1 0 0 0 0.0 - hello -', '3d1db51fd55682e6e8aad00700df8faa782c67b79a67c2fb87d0e8e756244091'],
  ['symlink', '/ 0 120777 1 0 0 0 0.0 x - -', 'ff179ab91da622b218491fa739c3f141f17126be0c3dac2591eda0e764a413dc'],
  ['hard link', '/ 0 @100644 1 0 0 0 0.0 /a - -', 'ddb7abbec5c5e3621a5c01ff9f8e5f419954a7b0b11a683088c4610908cdee22'],
  [
    'file with attribute',
    '/ 0 100644 1 0 0 0 0.0 - - - a=b',
    'f2d2d632c810d3c78e1e8253e9de73afd661dd70c481ff71ecbd33a76f99c9b3',
  ],
  [
    'block device with a folder in it',
    '/ 0 60644 1 0 0 256 0.0 - - -\n/a 0 40755 1 0 0 0 0.0 - - -',
    '810cd1e8749d749b65a552d494223f377ca21715e383dd42d5725960119e6534',
  ],
  [
    'file in place of an earlier root',
    '/ 0 40755 1 0 0 0 0.0 - - -\n/ 0 100600 1 5 0 0 0.0 - - -',
    '7ffe5c09cbb6bef6005953ea77c08090c1c45fd4e99cceea122c3ef20eb237f9',
  ],
] as const;

test.each(oddRoots)('a root that is a %s is a directory with its metadata', (_, dumpfile, digest) => {
  const root = parseDumpfile(`${dumpfile}\n`, { algorithm: 'sha256' });
  expect(computeVerity(writeImage(root, { format: 0, algorithm: 'sha256' }), 'sha256')).toBe(digest);
});

test.each(dumpfileParsing)('$name', (vector) => {
  const dumpfile = vector.dumpfile ?? longInputs[vector.name];
  if (dumpfile === undefined) throw new Error('no input');
  const digest = () => {
    const image = writeImage(parseDumpfile(dumpfile, { algorithm: 'sha256' }), { format: 0, algorithm: 'sha256' });
    return computeVerity(image, 'sha256');
  };
  if (vector.ok) expect(digest()).toBe(vector.V0);
  else expect(digest).toThrow(reasons[vector.name]);
});

test('an error names the line and what to do', () => {
  expect(() => parseDumpfile(`${root}\n/a x 100644 1 0 0 0 0.0 - - -\n`, { algorithm: 'sha256' })).toThrow(
    expect.objectContaining({
      code: 'DUMPFILE_INVALID',
      message: 'dumpfile line 3: size "x" is no number: /a x 100644 1 0 0 0 0.0 - - -',
      hint: expect.stringContaining('composefs-dump(5)'),
    }),
  );
});

test('bytes that are not UTF-8 are refused, and raw UTF-8 is the bytes it is', () => {
  expect(() => parseDumpfile(Uint8Array.of(0x2f, 0xff), { algorithm: 'sha256' })).toThrow('UTF-8');
  const tree = parseDumpfile(`${root}/ö 1 100644 1 0 0 0 0.0 - x -\n`, { algorithm: 'sha256' });
  expect(findNode(tree, '/ö')).toMatchObject({ type: 'file', content: { kind: 'inline' } });
  expect(writeDumpfile(tree)).toContain('/\\xc3\\xb6 1 100644');
});

const dumpfiles = readdirSync(new URL('dumpfiles/', folder)).map((name) => `dumpfiles/${name}`);
const imageDumps = readdirSync(new URL('oci/dumps/', folder)).map((name) => `oci/dumps/${name}`);
// These two use forms that only a person writes.
const handWritten = ['dumpfiles/15-dumpfile-forms.sha256.dump', 'dumpfiles/16-huge-sizes.sha256.dump'];

test.each([...dumpfiles, ...imageDumps].filter((name) => !handWritten.includes(name)))(
  '%s is written as read',
  (name) => {
    const text = readFileSync(new URL(name, folder), 'utf8');
    const algorithm = name.includes('.sha512.') ? 'sha512' : 'sha256';
    expect(writeDumpfile(parseDumpfile(text, { algorithm, symlinkLimitBytes: 4095 }))).toBe(text);
  },
);

test('the target of a hard link is unescaped once', () => {
  const text = `${root}/a\\\\x41 0 100644 2 0 0 0 0.0 - - -\n/b 0 @120000 - - - - 0.0 /a\\\\x41 - -\n`;
  const tree = parseDumpfile(text, { algorithm: 'sha256' });
  expect(findNode(tree, 'b')).toBe(findNode(tree, 'a\\x41'));
});

test('fields are escaped and read back', () => {
  const bytes = ' \\\n\r\t\x00\xff=-';
  expect(escapeField(bytes)).toBe('\\x20\\\\\\n\\r\\t\\x00\\xff=-');
  expect(escapeAttribute(bytes)).toBe('\\x20\\\\\\n\\r\\t\\x00\\xff\\x3d-');
  expect([escapeField(''), escapeField('-'), escapeAttribute(''), escapeAttribute('-')]).toEqual([
    '-',
    '\\x2d',
    '',
    '-',
  ]);
  for (const escaped of [escapeField(bytes), escapeAttribute(bytes)]) expect(unescapeField(escaped)).toBe(bytes);
});

describe('what is ignored of a line may be anything, what is not is checked', () => {
  const digest = 'ab'.repeat(32);
  test.each([
    ['a payload that the digest goes before', `/f 5 100644 1 0 0 0 1.0 ../x//y/ - ${digest}`, true],
    ['a payload with NUL', `/f 5 100644 1 0 0 0 1.0 x\\x00y - ${digest}`, false],
    ['a payload longer than any path', `/f 5 100644 1 0 0 0 1.0 ${'x'.repeat(4097)} - ${digest}`, false],
    ['the payload of a fifo', '/f 0 10644 1 0 0 0 1.0 x\\q\\x00 - -', true],
    ['content beside a payload', `/f 5 100644 1 0 0 0 1.0 x c\\q ${digest}`, true],
    ['the escapes of a target', '/f 0 120777 1 0 0 0 1.0 x\\q - -', false],
  ])('%s', (_, line, isAccepted) => {
    const parse = () => parseDumpfile(`/ 0 40755 2 0 0 0 1000.0 - - -\n${line}\n`, { algorithm: 'sha256' });
    if (isAccepted) expect(parse().entries.size).toBe(1);
    else expect(parse).toThrow(expect.objectContaining({ code: 'DUMPFILE_INVALID' }));
  });
});
