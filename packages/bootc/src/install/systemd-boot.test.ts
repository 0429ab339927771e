import { expect, test } from 'vitest';
import { bootctlInstallCommand, parseBootctlVersion } from './systemd-boot.ts';

test.each([
  ['systemd 257 (257.9-1~deb13u1)\n+PAM', 257],
  ['systemd 262.1-1\n', 262],
  ['bootctl?', undefined],
])('version of %j', (output, version) => {
  expect(parseBootctlVersion(output)).toBe(version);
});

test.each([
  [false, 262, 'bootctl install --root /mnt --esp-path /boot'],
  [true, 256, 'bootctl install --root /mnt --esp-path /boot --no-variables'],
  [true, 257, 'bootctl install --root /mnt --esp-path /boot --no-variables --random-seed=no'],
  [true, undefined, 'bootctl install --root /mnt --esp-path /boot --no-variables'],
])('generic image %s with version %s', (isGenericImage, version, command) => {
  expect(bootctlInstallCommand({ imageRoot: '/mnt', isGenericImage, version }).join(' ')).toBe(command);
});
