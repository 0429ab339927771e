import { expect, test } from 'vitest';
import { toInstallOptions } from './install-to-disk.ts';

test('what is not given is absent, off or empty', () => {
  expect(toInstallOptions({ device: '/dev/sda', karg: [], kargDelete: [], ukiAddon: [] })).toEqual({
    device: '/dev/sda',
    wipe: false,
    viaLoopback: false,
    enforceContainerSigpolicy: false,
    runFetchCheck: false,
    disableSelinux: false,
    kargs: [],
    kargDeletes: [],
    genericImage: false,
    boundImages: 'stored',
    composefsBackend: false,
    allowMissingVerity: false,
    ukiAddons: [],
  });
});

test('what is given is there', () => {
  const options = toInstallOptions({
    device: '/dev/sda',
    karg: ['a', 'b=c'],
    kargDelete: [],
    ukiAddon: [],
    filesystem: 'ext4',
    rootSize: '10G',
    wipe: true,
    bootloader: 'systemd',
  });
  expect(options).toMatchObject({
    kargs: ['a', 'b=c'],
    filesystem: 'ext4',
    rootSizeMiB: 10240,
    wipe: true,
    bootloader: 'systemd',
  });
});
