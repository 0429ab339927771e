import { expect, test } from 'vitest';
import type { InstallConfiguration } from './configuration.ts';
import { decideInstallation, requireComposefsBackend, type SourceFacts, targetReference } from './decide.ts';
import type { InstallOptions } from './options.ts';

const options: InstallOptions = {
  device: '/dev/vdb',
  wipe: false,
  viaLoopback: false,
  filesystem: 'ext4',
  enforceContainerSigpolicy: false,
  runFetchCheck: false,
  disableSelinux: false,
  kargs: [],
  kargDeletes: [],
  genericImage: false,
  boundImages: 'stored',
  bootloader: 'systemd',
  composefsBackend: true,
  allowMissingVerity: false,
  ukiAddons: [],
};
const configuration: InstallConfiguration = { block: ['direct'], kernelArguments: [], kernelArgumentDeletes: [] };
const facts: SourceFacts = {
  reference: { transport: 'containers-storage', image: 'localhost/os:latest' },
  hasBootupd: false,
  canRunBootupd: false,
};

test('the usual installation', () => {
  expect(decideInstallation(options, configuration, facts)).toEqual({
    filesystem: 'ext4',
    bootloader: 'systemd',
    isDiscoverable: true,
    isMissingVerityAllowed: false,
    isGenericImage: false,
    target: { transport: 'registry', image: 'localhost/os:latest' },
    signature: 'unverified',
  });
});

test('the configuration decides what the options leave open', () => {
  const { filesystem: _, bootloader: __, ...open } = options;
  const configured: InstallConfiguration = {
    ...configuration,
    rootFilesystem: 'xfs',
    bootloader: 'systemd',
    discoverablePartitions: false,
    enforceContainerSignaturePolicy: true,
  };
  expect(decideInstallation({ ...open, viaLoopback: true }, configured, facts)).toMatchObject({
    filesystem: 'xfs',
    isDiscoverable: false,
    isMissingVerityAllowed: true,
    isGenericImage: true,
    signature: 'containerPolicy',
  });
});

test('systemd-boot that was chosen because there is no bootupd finds root by its type too', () => {
  const { bootloader: _, ...open } = options;
  expect(decideInstallation(open, configuration, facts)).toMatchObject({ isDiscoverable: true });
});

test('grub is the choice of an image with bootupd, and root is then named on the command line', () => {
  const { bootloader: _, ...open } = options;
  const decision = decideInstallation(open, configuration, { ...facts, hasBootupd: true, canRunBootupd: true });
  expect(decision).toMatchObject({ bootloader: 'grub', isDiscoverable: false });
  const grub = { ...options, bootloader: 'grub' } as const;
  const sealed = { ...facts, sealedFor: { isMissingVerityAllowed: true } };
  expect(() => decideInstallation(grub, configuration, sealed)).toThrow('the image boots a UKI');
});

const noBootloaders = { hasSystemdBoot: false, hasGrub: false, hasBootupctl: false };
test.each([
  ['grub', {}, 'IMAGE_WITHOUT_GRUB', 'grub-efi-amd64-signed'],
  [
    'grub',
    { hasBootupd: true },
    'BOOTUPCTL_MISSING',
    'install bootupd when the image is built, or set --bootloader systemd',
  ],
  ['systemd', {}, 'IMAGE_WITHOUT_SYSTEMD_BOOT', 'systemd-boot-unsigned'],
  [
    undefined,
    { hasBootupd: true },
    'BOOTUPCTL_MISSING',
    'install bootupd when the image is built, or install systemd-boot',
  ],
] as const)('a boot loader that the image lacks is refused: %s with %o', (bootloader, more, code, hint) => {
  const { bootloader: _, ...open } = options;
  const chosen = bootloader === undefined ? open : { ...open, bootloader };
  expect(() => decideInstallation(chosen, configuration, { ...facts, ...more, bootloaders: noBootloaders })).toThrow(
    expect.objectContaining({ code, hint: expect.stringContaining(hint) }),
  );
});

test.each([
  ['grub', { hasGrub: true }, false],
  ['grub', { hasBootupctl: true }, true],
  ['systemd', { hasSystemdBoot: true }, true],
] as const)('a boot loader that the image brings is taken: %s with %o', (bootloader, brought, hasBootupd) => {
  const given = { ...facts, hasBootupd, bootloaders: { ...noBootloaders, ...brought } };
  expect(decideInstallation({ ...options, bootloader }, configuration, given).bootloader).toBe(bootloader);
});

test('everything that is wrong is said at once', () => {
  const { filesystem: _, ...open } = options;
  const wrong: InstallOptions = { ...open, bootloader: 'none', blockSetup: 'tpm2-luks' };
  expect(() => decideInstallation(wrong, configuration, facts)).toThrow(
    expect.objectContaining({
      code: 'BLOCK_SETUP_DISABLED',
      message:
        'tpm2-luks is not enabled in installation config; ' +
        'No root filesystem specified; Bootloader set to none is not supported with the composefs backend',
      hint: 'set --block-setup direct\nset --filesystem ext4, or filesystem.root.type\n' + 'set --bootloader systemd',
    }),
  );
});

test('the backend must be named', () => {
  expect(() => requireComposefsBackend(options)).not.toThrow();
  expect(() => requireComposefsBackend({ composefsBackend: false })).toThrow(
    expect.objectContaining({ hint: 'set --composefs-backend' }),
  );
});

test.each([
  [{}, 'containers-storage', 'localhost/os', 'registry', 'localhost/os'],
  [
    { targetTransport: 'containers-storage' },
    'containers-storage',
    'localhost/os',
    'containers-storage',
    'localhost/os',
  ],
  [{ targetImgref: 'registry.example/os' }, 'oci', '/var/tmp/os', 'registry', 'registry.example/os'],
  [{}, 'oci', '/var/tmp/os', 'oci', '/var/tmp/os'],
] as const)('target %o of %s:%s', (given, transport, image, targetTransport, targetImage) => {
  expect(targetReference(given, { transport, image })).toEqual({ transport: targetTransport, image: targetImage });
});

test('a name for updates that cannot be recorded is refused before the disk is touched', () => {
  const given = { targetTransport: 'oci', targetImgref: '/a#1' };
  expect(() => targetReference(given, { transport: 'oci', image: '/a' })).toThrow('cannot be recorded');
  const relative = { ...given, targetImgref: 'a' };
  expect(() => targetReference(relative, { transport: 'oci', image: '/a' })).toThrow('oci:a is a relative path');
});

test('the command line of a sealed image decides whether fs-verity is demanded', () => {
  const sealed = { ...facts, sealedFor: { isMissingVerityAllowed: false } };
  const decision = decideInstallation({ ...options, allowMissingVerity: true }, configuration, sealed);
  expect(decision.isMissingVerityAllowed).toBe(false);
  expect(() => decideInstallation({ ...options, filesystem: 'xfs' }, configuration, sealed)).toThrow(
    expect.objectContaining({ code: 'UKI_NEEDS_VERITY' }),
  );
});
