import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { makeUki } from '../uki/make-pe.testing.ts';
import { assertBootable, parseSource } from './source.ts';

test('a source in the working directory is one in an absolute path', () => {
  expect(parseSource('oci:os:v1')).toEqual({ transport: 'oci', image: `${join(process.cwd(), 'os')}:v1` });
  expect(parseSource('docker://quay.io/os')).toEqual({ transport: 'registry', image: 'quay.io/os' });
});

function layer(...paths: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'layer-'));
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), '');
  }
  return folder;
}

test('kernel and initramfs may come from different layers', async () => {
  const base = layer('usr/lib/modules/6.12.1/vmlinuz', 'usr/lib/modules/6.12.1/modules.dep');
  const top = layer('usr/lib/modules/6.12.1/initramfs.img');
  await expect(assertBootable([top, base], 'localhost/os')).resolves.toBeUndefined();
  await expect(assertBootable([base], 'localhost/os')).rejects.toThrow(
    'image has no initramfs: localhost/os has no usr/lib/modules/6.12.1/initramfs.img',
  );
});

test('modules without a kernel are not enough', async () => {
  await expect(assertBootable([layer('usr/lib/modules/6.12.1/modules.dep')], 'localhost/os')).rejects.toThrow(
    'image has no kernel: localhost/os has no usr/lib/modules/*/vmlinuz',
  );
  await expect(assertBootable([layer('etc/passwd')], 'localhost/os')).rejects.toThrow('image has no kernel');
});

test('a unified kernel image decides', async () => {
  const base = layer('usr/lib/modules/6.12.1/vmlinuz', 'usr/lib/modules/6.12.1/initramfs.img');
  const top = layer('boot/EFI/Linux/6.12.1.efi');
  await expect(assertBootable([top, base], 'localhost/os')).rejects.toMatchObject({ code: 'PE_INVALID' });
  const deploymentId = 'd0'.repeat(64);
  writeFileSync(join(top, 'boot/EFI/Linux/6.12.1.efi'), makeUki(`rw composefs=?${deploymentId}`));
  const sealedFor = { deploymentId, isMissingVerityAllowed: true };
  expect(await assertBootable([base, top, base], 'localhost/os')).toEqual(sealedFor);
});
