import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { extractUnifiedKernel } from '../uki/extract.ts';
import { makeUki } from '../uki/make-pe.testing.ts';
import { describeCommandLine, sealedCommandLine } from './sealed-command-line.ts';
import { splitKernel } from './split-kernel.ts';

const folder = dirSync({ unsafeCleanup: true });
afterAll(() => folder.removeCallback());
const at = (...names: string[]) => join(folder.name, ...names);

test('kernel and initramfs leave the image, once', async () => {
  const modules = at('root/usr/lib/modules/6.12.1');
  mkdirSync(modules, { recursive: true });
  writeFileSync(join(modules, 'vmlinuz'), 'k');
  await expect(splitKernel(at('root'), at('out'))).rejects.toThrow('initramfs.img is missing');
  writeFileSync(join(modules, 'initramfs.img'), 'i');
  expect(await splitKernel(at('root'), at('out'))).toBe(at('out/6.12.1'));
  expect(readFileSync(at('out/6.12.1/initramfs.img'), 'utf8')).toBe('i');
  expect(existsSync(join(modules, 'vmlinuz'))).toBe(false);
  await expect(splitKernel(at('root'), at('out'))).rejects.toThrow('No kernel found in rootfs');
});

test('a unified kernel image is unpacked as it is put aside', async () => {
  writeFileSync(at('x.efi'), makeUki('composefs=1'));
  expect(await extractUnifiedKernel(at('x.efi'), at('unpacked'))).toBe(at('unpacked/6.12.1'));
  expect(readFileSync(at('unpacked/6.12.1/vmlinuz'), 'utf8')).toBe('kernel');
  expect(readFileSync(at('unpacked/6.12.1/initramfs.img'), 'utf8')).toBe('initrd');
  const again = extractUnifiedKernel(at('x.efi'), at('unpacked'));
  await expect(again).rejects.toMatchObject({ code: 'EXTRACT_TARGET_EXISTS' });
});

test('each parameter of a command line is told with its source, identical ones once', async () => {
  const kargs = at('image/usr/lib/bootc/kargs.d');
  mkdirSync(kargs, { recursive: true });
  writeFileSync(join(kargs, '20.toml'), 'kargs = ["quiet"]\n');
  writeFileSync(join(kargs, '10.toml'), 'kargs = ["rw", "quiet"]\nmatch-architectures = ["sparc"]\n');
  const digest = '0f'.repeat(64);
  const line = await sealedCommandLine(at('image'), { digest, isMissingVerityAllowed: false, more: ['quiet', 'rw'] });
  expect(line.text).toBe(`quiet composefs=${digest} rw`);
  expect(describeCommandLine(line)).toBe(`Kernel command line, as it is sealed:
  quiet    (usr/lib/bootc/kargs.d/20.toml)
  composefs=${digest}    (the digest of the image)
  rw    (--karg)
`);
});
