import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dir } from 'tmp-promise';
import { expect, test } from 'vitest';
import { findKernel } from './kernel.ts';

test('kernel and initramfs are taken out of a unified kernel image', async () => {
  const { path, cleanup } = await dir({ unsafeCleanup: true });
  try {
    const at = (...names: string[]) => join(path, ...names);
    mkdirSync(at('root/boot/EFI/Linux'), { recursive: true });
    mkdirSync(at('root/usr/lib/modules/6.1.0-x'), { recursive: true });
    writeFileSync(at('root/usr/lib/modules/6.1.0-x/modules.builtin'), 'a/virtio_pci.ko\nb/virtiofs.ko\n');
    const sections = { uname: '6.1.0-x\0', initrd: 'i'.repeat(5001), linux: 'k'.repeat(4999) };
    const added = Object.entries(sections).flatMap(([name, content], index) => {
      writeFileSync(at(name), content);
      return [
        '--add-section',
        `.${name}=${at(name)}`,
        '--change-section-vma',
        `.${name}=${0x2000000 + index * 0x100000}`,
      ];
    });
    // Of the package systemd-boot-efi (Debian) or systemd-boot-unsigned (Fedora).
    const stub = '/usr/lib/systemd/boot/efi/linuxx64.efi.stub';
    await run(['objcopy', ...added, stub, at('root/boot/EFI/Linux/6.1.0-x.efi')], { step: 'build a UKI (binutils)' });
    mkdirSync(at('out'));
    const kernel = await findKernel(at('root'), 'localhost/x', at('out'));
    expect(kernel).toMatchObject({ version: '6.1.0-x', hasBuiltinVirtiofs: true });
    expect(readFileSync(kernel.kernelFile, 'utf8')).toBe(sections.linux);
    expect(readFileSync(kernel.initramfsFile!, 'utf8')).toBe(sections.initrd);
  } finally {
    await cleanup();
  }
});
