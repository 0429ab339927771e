import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bootDigestOfFolder, computeBootDigest } from '../boot/boot-digest.ts';
import { windowOfBytes } from './byte-window.ts';
import { makePe, makeUki } from './make-pe.testing.ts';
import { readPeImage } from './pe-image.ts';
import { bootDigestOfUnifiedKernel, readUnifiedKernel } from './unified-kernel.ts';

const id = 'a1'.repeat(64);
const read = (bytes: Uint8Array) => readUnifiedKernel(windowOfBytes(bytes), 'x.efi');

test('the parts of a unified kernel image', async () => {
  const kernel = read(makeUki(`rw composefs=?${id}\n`));
  expect(kernel).toMatchObject({
    commandLine: `rw composefs=?${id}`,
    composefs: { deploymentId: id, isMissingVerityAllowed: true },
    uname: '6.12.1',
  });
  expect(kernel.osRelease.get('PRETTY_NAME')).toBe('Example Linux');
  expect(kernel.readKernel().toString()).toBe('kernel');
  expect(kernel.readInitrd().toString()).toBe('initrd');
  const digest = await bootDigestOfUnifiedKernel(kernel);
  expect(digest).toBe(await computeBootDigest([Buffer.from('kernel')], [Buffer.from('initrd')]));
  await expect(bootDigestOfFolder('/nonexistent')).rejects.toMatchObject({ code: 'ENOENT' });
});

test('sections of a profile are not those of all profiles', () => {
  const profiles = makeUki('a', {
    more: [
      ['.profile', 'ID=rescue'],
      ['.cmdline', 'b'],
    ],
  });
  expect(read(profiles).commandLine).toBe('a');
});

test.each<[string, Uint8Array, string]>([
  ['an empty file', Buffer.alloc(0), 'PE_INVALID'],
  ['a text', Buffer.from('#!/bin/sh\n'.repeat(20)), 'PE_INVALID'],
  ['a file cut short', makeUki('a').subarray(0, 1600), 'PE_INVALID'],
  ['no kernel', makePe([['.cmdline', 'a']]), 'UKI_INVALID'],
  ['no command line', makePe([['.linux', 'k']]), 'UKI_INVALID'],
  ['two command lines', makeUki('a', { more: [['.cmdline', 'b']] }), 'UKI_INVALID'],
])('%s is refused', (_, bytes, code) => {
  expect(() => read(bytes)).toThrow(expect.objectContaining({ code }));
});

test('whatever bytes are changed, what is read lies inside the file, or the file is refused', () => {
  const good = makeUki('composefs=x');
  const change = fc.tuple(fc.nat(500), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), fc.nat(good.length), (changes, length) => {
      const bytes = Buffer.from(good.subarray(0, length));
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      try {
        for (const { offset, sizeBytes } of readPeImage(windowOfBytes(bytes), 'x.efi').sections) {
          expect(sizeBytes === 0 || offset + sizeBytes <= bytes.length).toBe(true);
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'PE_INVALID' });
      }
    }),
    { numRuns: 2000 },
  );
});
