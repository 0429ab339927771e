import { expect, test } from 'vitest';
import type { Mount } from '../storage/mount-table.ts';
import { assertGrubFindsBoot, separateBootOf } from './target-boot.ts';
import type { TargetRoot } from './target-root.ts';

const mountOf = (mountPoint: string, change: Partial<Mount> = {}): Mount => ({
  device: '8:3',
  rootInFilesystem: '/',
  mountPoint,
  options: ['rw'],
  filesystem: 'ext4',
  source: '/dev/sda3',
  ...change,
});

const ofOtherDisk = { device: '8:2', source: '/dev/sda2' };

/** A target at /target with these mounts; a system of bootc is installed there where /target/sysroot is one of them. */
function target(...mounts: Mount[]): TargetRoot {
  const physicalRoot = mounts.some(({ mountPoint }) => mountPoint === '/target/sysroot')
    ? '/target/sysroot'
    : '/target';
  const mount = mounts.find(({ mountPoint }) => mountPoint === physicalRoot)!;
  return { path: '/target', physicalRoot, mount, filesystem: 'ext4', uuid: 'u', isHostRoot: false, mounts };
}

const plain = mountOf('/target');
const running = [mountOf('/target', { filesystem: 'overlay', device: '0:40' }), mountOf('/target/sysroot')];

test.each([
  ['none', target(plain), undefined],
  ['a file system of its own', target(plain, mountOf('/target/boot', ofOtherDisk)), '/target/boot'],
  ['one that a running system has', target(...running, mountOf('/target/boot', ofOtherDisk)), '/target/boot'],
  [
    'one in the physical root',
    target(...running, mountOf('/target/sysroot/boot', ofOtherDisk)),
    '/target/sysroot/boot',
  ],
  ['an ESP', target(plain, mountOf('/target/boot', { ...ofOtherDisk, filesystem: 'vfat' })), undefined],
  ['a part of the root', target(plain, mountOf('/target/boot', { rootInFilesystem: '/@boot' })), undefined],
])('a separate /boot: %s', (_, root, mountPoint) => {
  expect(separateBootOf(root)?.mountPoint).toBe(mountPoint);
});

const inSubvolume = mountOf('/target', { filesystem: 'btrfs', rootInFilesystem: '/@' });
const grub = { hasBootupd: false };

test.each([
  ['a /boot that is not mounted', target(plain), { ...grub, asked: 'UUID=x' }, 'GRUB_BOOT_NOT_MOUNTED'],
  ['an ESP', target(plain, mountOf('/target/boot', { ...ofOtherDisk, filesystem: 'vfat' })), grub, 'GRUB_BOOT_IS_ESP'],
  ['a root that is a subvolume', target(inSubvolume), grub, 'GRUB_BOOT_NOT_AT_TOP'],
  [
    'a part of the root',
    target(plain, mountOf('/target/boot', { rootInFilesystem: '/@boot' })),
    grub,
    'GRUB_BOOT_NOT_AT_TOP',
  ],
])('grub would not find its kernels: %s', (_, root, options, code) => {
  expect(() => assertGrubFindsBoot(root, options)).toThrow(expect.objectContaining({ code }));
});

test.each([
  ['a /boot on the root', target(plain), grub],
  ['one of its own, on a root that is a subvolume', target(inSubvolume, mountOf('/target/boot', ofOtherDisk)), grub],
  [
    'one that is asked for and mounted',
    target(plain, mountOf('/target/boot', ofOtherDisk)),
    { ...grub, asked: 'UUID=x' },
  ],
  ['a subvolume, by a grub that bootupd installs', target(inSubvolume), { hasBootupd: true }],
])('grub finds its kernels: %s', (_, root, options) => {
  expect(() => assertGrubFindsBoot(root, options)).not.toThrow();
});
