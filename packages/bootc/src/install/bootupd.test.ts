import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bootupctlCommand, installByBootupd, wholeDisk } from './bootupd.ts';

test.each([
  [
    { isGenericImage: false, skipsBootUuid: false, target: { kind: 'filesystem' } },
    '--write-uuid --update-firmware --auto --filesystem /sysroot /',
  ],
  [
    { isGenericImage: true, skipsBootUuid: true, target: { kind: 'device', path: '/dev/vda' } },
    '--with-static-configs --device /dev/vda /',
  ],
] as const)('what bootupctl is told: %o', (options, expected) => {
  expect(bootupctlCommand('/mnt', options).join(' ')).toBe(`chroot /mnt bootupctl backend install ${expected}`);
});

test('an image without bootupctl is refused before anything is mounted', async () => {
  const imageRoot = mkdtempSync(join(tmpdir(), 'bootupd-'));
  const install = installByBootupd({
    imageRoot,
    rootMount: imageRoot,
    bootFolder: imageRoot,
    isGenericImage: true,
    skipsBootUuid: false,
  });
  await expect(install).rejects.toMatchObject({
    code: 'BOOTUPCTL_MISSING',
    message: expect.stringContaining('/usr/bin/bootupctl'),
    hint: 'install bootupd when the image is built, or set --bootloader systemd',
  });
  rmSync(imageRoot, { recursive: true });
});

test('the disk of a partition, also below other devices', () => {
  expect(wholeDisk('/dev/mapper/root\n└─/dev/vda3\n  └─/dev/vda\n')).toBe('/dev/vda');
  expect(wholeDisk('/dev/loop0\n')).toBe('/dev/loop0');
});
