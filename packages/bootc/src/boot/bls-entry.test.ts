import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { formatBlsEntry, parseBlsEntry } from './bls-entry.ts';

const fixtures = new URL('../../fixtures', import.meta.url).pathname;
const entryFiles = readdirSync(fixtures, { recursive: true, encoding: 'utf8' }).filter((name) =>
  /entries(\.staged)?\/.*\.conf$/.test(name),
);

test('there are entries of other versions to read', () => {
  expect(entryFiles.length).toBeGreaterThan(15);
});

test.each(entryFiles)('%s is written again to the byte', (name) => {
  const text = readFileSync(join(fixtures, name), 'utf8');
  expect(formatBlsEntry(parseBlsEntry(text, basename(name)))).toBe(text);
});

test('order of keys, several initrds, comments, unknown keys', () => {
  const entry = parseBlsEntry(
    '# made by hand\nsort-key s\nx-options-source-tuned quiet\n  initrd   /a\noptions  rw  quiet\nlinux /k\nversion\t1\ninitrd /b\nmachine-id 0f\ntitle A b',
    'a.conf',
  );
  expect(formatBlsEntry(entry)).toBe(
    'title A b\nversion 1\nlinux /k\ninitrd /a\ninitrd /b\noptions rw  quiet\nmachine-id 0f\nsort-key s\nx-options-source-tuned quiet\n',
  );
});

test.each(['efi', 'uki'] as const)('an entry with %s', (key) => {
  const text = `title T\nversion 2\n${key} /EFI/Linux/bootc/a.efi\nsort-key s\n`;
  const entry = parseBlsEntry(text, 'a.conf');
  expect(entry.target).toEqual({ kind: 'efi', key, path: '/EFI/Linux/bootc/a.efi' });
  expect(formatBlsEntry(entry)).toBe(text);
});

test.each([
  ['title T\nlinux /k\n', 'it has no version'],
  ['version 1\n', 'neither linux nor efi nor uki'],
  ['version 1\nlinux /k\nuki /u\n', 'linux and uki'],
])('%j is refused', (text, why) => {
  expect(() => parseBlsEntry(text, 'bad.conf')).toThrow(why);
  expect(() => parseBlsEntry(text, 'bad.conf')).toThrow('bad.conf');
});
