import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatOrigin, parseOrigin } from './origin.ts';

const fixtures = new URL('../../fixtures', import.meta.url).pathname;
const originFiles = readdirSync(fixtures, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.origin'),
);

test('there are origin files of other versions to read', () => {
  expect(originFiles.length).toBeGreaterThan(10);
});

test.each(originFiles)('%s is written again to the byte', (name) => {
  const text = readFileSync(join(fixtures, name), 'utf8');
  expect(formatOrigin(parseOrigin(text))).toBe(text);
});

test('comments, blanks, repeated and unknown keys', () => {
  const text = [
    '; a comment',
    '[origin] # why not',
    '  container-image-reference=ostree-unverified-image:oci:/a  ; old',
    'container-image-reference = ostree-unverified-image:oci:/b',
    'mine = a = b',
    '[vendor]',
    'x=1',
    'no assignment',
    '[boot]',
    'boot_type = uki',
  ].join('\n');
  const origin = parseOrigin(text);
  expect(origin).toEqual({
    imageReference: 'ostree-unverified-image:oci:/b',
    bootType: 'uki',
    others: [
      { section: 'origin', key: 'mine', value: 'a = b' },
      { section: 'vendor', key: 'x', value: '1' },
    ],
  });
  expect(formatOrigin({ ...origin, manifestDigest: 'sha256:00' })).toBe(
    '[origin]\ncontainer-image-reference = ostree-unverified-image:oci:/b\nmine = a = b\n\n' +
      '[boot]\nboot_type = uki\n\n[image]\nmanifest_digest = sha256:00\n\n[vendor]\nx = 1\n',
  );
});

test('an empty file is an origin that says nothing', () => {
  expect(parseOrigin('')).toEqual({});
  expect(formatOrigin({})).toBe('');
});
