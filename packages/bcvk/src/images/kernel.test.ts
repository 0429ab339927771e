import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { findKernel, hasBuiltinVirtiofs, hashFile } from './kernel.ts';

function imageWith(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'image-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const builtin = 'kernel/fs/fuse/fuse.ko\nkernel/fs/fuse/virtiofs.ko\nkernel/drivers/virtio/virtio_pci.ko\n';

test('the kernel stands beside its modules', async () => {
  const root = imageWith({
    'usr/lib/modules/6.12/vmlinuz': 'kernel',
    'usr/lib/modules/6.12/initramfs.img': 'initramfs',
    'usr/lib/modules/6.12/modules.builtin': builtin,
    'usr/lib/modules/6.11/modules.builtin': '',
  });
  expect(await findKernel(root, 'x', '/nonexistent')).toEqual({
    version: '6.12',
    kernelFile: `${root}/usr/lib/modules/6.12/vmlinuz`,
    initramfsFile: `${root}/usr/lib/modules/6.12/initramfs.img`,
    hasBuiltinVirtiofs: true,
  });
});

test('an image without a kernel, or with two, is refused', async () => {
  await expect(findKernel(imageWith({ 'usr/bin/sh': '' }), 'localhost/x', '/nonexistent')).rejects.toThrow(
    'image localhost/x has no /usr/lib/modules/VERSION/vmlinuz',
  );
  const two = imageWith({ 'usr/lib/modules/1/vmlinuz': '', 'usr/lib/modules/2/vmlinuz': '' });
  await expect(findKernel(two, 'localhost/x', '/nonexistent')).rejects.toThrow('more than one kernel: 1, 2');
});

test('virtiofs as a module is not compiled in', () => {
  expect(hasBuiltinVirtiofs(builtin)).toBe(true);
  expect(hasBuiltinVirtiofs('kernel/fs/fuse/fuse.ko\nkernel/drivers/virtio/virtio_pci.ko\n')).toBe(false);
  expect(hasBuiltinVirtiofs('')).toBe(false);
});

test('a file is hashed', async () => {
  expect(await hashFile(join(imageWith({ a: 'abc' }), 'a'))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});
