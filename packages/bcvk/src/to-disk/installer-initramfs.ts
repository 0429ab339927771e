import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import type { ImageKernel } from '../images/kernel.ts';
import { writeCpio } from './cpio.ts';
import { guest } from './guest-units.ts';

/**
 * The initramfs that the installer boots with: none where the kernel mounts a virtiofs root file system by itself, which
 * saves its unpacking and a whole second boot of systemd. Else the image's own, followed by an archive with units that
 * mount the root: the kernel unpacks one after the other. It is written into `folder`.
 *
 * @throws CodedError IMAGE_WITHOUT_INITRAMFS
 */
export function writeInstallerInitramfs(kernel: ImageKernel, reference: string, folder: string): string | undefined {
  if (kernel.hasBuiltinVirtiofs) return undefined;
  if (kernel.initramfsFile === undefined) {
    throw new CodedError(
      'IMAGE_WITHOUT_INITRAMFS',
      `the kernel ${kernel.version} of ${reference} has no built-in virtiofs, and no initramfs.img beside it`,
      { hint: 'make an initramfs with virtiofs in the image: dracut --add virtiofs' },
    );
  }
  const file = join(folder, 'initramfs.img');
  writeFileSync(file, appendArchive(readFileSync(kernel.initramfsFile), rootMountArchive()));
  return file;
}

/**
 * Units of the initramfs that mount the root. No `root=` is on the kernel command line, so that neither dracut nor
 * systemd makes a `sysroot.mount` of its own.
 */
export function rootMountArchive(): Buffer {
  const units = 'etc/systemd/system';
  return writeCpio([
    { path: 'etc' },
    { path: 'etc/systemd' },
    { path: units },
    {
      path: `${units}/sysroot.mount`,
      content: [
        '[Unit]',
        'Description=Root file system of the image',
        'DefaultDependencies=no',
        'ConditionPathExists=/etc/initrd-release',
        'Before=initrd-root-fs.target',
        '',
        '[Mount]',
        `What=${guest.rootTag}`,
        'Where=/sysroot',
        'Type=virtiofs',
        'Options=ro',
        '',
      ].join('\n'),
    },
    { path: `${units}/initrd-root-fs.target.d` },
    {
      path: `${units}/initrd-root-fs.target.d/50-bcvk.conf`,
      content: '[Unit]\nRequires=sysroot.mount\nAfter=sysroot.mount\n',
    },
  ]);
}

/** Two initramfs archives after one another; the kernel wants each to begin at a multiple of four bytes. */
export function appendArchive(first: Uint8Array, second: Uint8Array): Buffer {
  return Buffer.concat([first, Buffer.alloc((4 - (first.length % 4)) % 4), second]);
}
