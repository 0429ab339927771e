import { expect, test } from 'vitest';
import { addonFolderName, entryFileName, entrySortKey, kernelEntryPath, kernelsDirectory } from './names.ts';

const primary = { index: 0, count: 2 };
const secondary = { index: 1, count: 2 };
const id = 'ab'.repeat(64);

test('systemd-boot: the names bootc has always had', () => {
  const name = entryFileName({
    osId: 'red-hat',
    version: '10.1',
    place: { index: 0, count: 1 },
    bootloader: 'systemd',
  });
  expect(name).toBe('bootc_red_hat-10.1-1.conf');
  expect(entrySortKey('red-hat', primary)).toBe('bootc-red-hat-0');
  expect(entrySortKey('red-hat', secondary)).toBe('bootc-red-hat-1');
});

test('grub: the primary entry sorts first whatever version and system it has', () => {
  const first = entryFileName({ osId: 'centos', version: '9', place: primary, bootloader: 'grub' });
  const second = entryFileName({ osId: 'fedora', version: '10', place: secondary, bootloader: 'grub' });
  expect(first).toBe('bootc_1_centos-9-1.conf');
  expect(first > second).toBe(true);
});

test('neither version nor id can make a path or a name that VFAT refuses', () => {
  const name = entryFileName({ osId: 'x/../y?', version: '1/2:3 4', place: secondary, bootloader: 'systemd' });
  expect(name).toBe('bootc_x_.._y_-1_2_3_4-0.conf');
});

test('where kernels are', () => {
  expect(kernelsDirectory('/esp', 'systemd')).toBe('/esp/EFI/Linux');
  expect(kernelsDirectory('/boot', 'grub')).toBe('/boot');
  const path = (bootloader: 'grub' | 'systemd', bootIsMount: boolean): string =>
    kernelEntryPath(id, 'vmlinuz', { bootloader, bootIsMount });
  expect(path('systemd', false)).toBe(`/EFI/Linux/bootc_composefs-${id}/vmlinuz`);
  expect(path('grub', false)).toBe(`/boot/bootc_composefs-${id}/vmlinuz`);
  expect(path('grub', true)).toBe(`/bootc_composefs-${id}/vmlinuz`);
  expect(addonFolderName(id)).toBe(`bootc_composefs-${id}.efi.extra.d`);
});
