import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dir } from 'tmp-promise';
import { expect, test } from 'vitest';
import { loadSettings } from './load-settings.ts';
import { testRequest } from './test-request.ts';

const empty = { environment: {}, dotenvFile: '/no/such/.env', profilesFolder: 'vm-profiles' };

test('.env and the profile are read, and the environment of this process stays as it is', async () => {
  const { path, cleanup } = await dir({ unsafeCleanup: true });
  try {
    const dotenvFile = join(path, '.env');
    await writeFile(dotenvFile, 'BOOTC_filesystem=xfs\nBOOTC_bcvk="bundled" # here\nBOOTC_profile=small\n');
    await writeFile(join(path, 'small.yaml'), 'cell:\n  bootloader: grub\nresources:\n  memory: 2G\n');
    const before = JSON.stringify(process.env);
    const settings = await loadSettings({ environment: {}, dotenvFile, profilesFolder: path });
    expect(JSON.stringify(process.env)).toBe(before);
    expect(settings.profile.name).toBe('small');
    expect(settings.sources.filesystem).toEqual({ value: 'xfs', kind: '.env', from: '.env: BOOTC_filesystem' });
    expect(settings.sources.bootloader.from).toBe(`${join(path, 'small.yaml')}:2:15`);
    expect(settings.variables.get('BOOTC_bcvk')?.value).toBe('bundled');
  } finally {
    await cleanup();
  }
});

test('a request holds the mapped options, the resources of the profile, and what the command line adds', async () => {
  const settings = await loadSettings({
    ...empty,
    profile: 'low-memory',
    environment: { BOOTC_test_flavour: 'x', BOOTC_upgrade_image: 'localhost/next' },
  });
  const request = testRequest(settings, {
    image: 'localhost/bootc',
    kernelArguments: ['quiet'],
    environment: ['A=b=c', 'EMPTY='],
    contexts: ['arch=x86_64'],
  });
  expect(request).toEqual({
    image: 'localhost/bootc',
    filters: ['readonly'],
    tests: [],
    cell: settings.cell,
    bcvkOptions: [
      '--firmware=uefi-insecure',
      '--disable-tpm',
      '--composefs-backend',
      '--bootloader=systemd',
      '--filesystem=ext4',
      '--karg=quiet',
      '--memory=2G',
      '--cpus=1',
      '--disk-size=10G',
    ],
    bcvk: undefined,
    contexts: { arch: 'x86_64' },
    environment: { BOOTC_test_flavour: 'x', A: 'b=c', EMPTY: '' },
    upgradeImage: 'localhost/next',
    preserveVm: false,
    snapshot: false,
    logDir: undefined,
    timeouts: { boot_seconds: 300, plan_seconds: 2700 },
    retries: 0,
    parallel: undefined,
  });
});

test('numbers that mean nothing are refused', async () => {
  const settings = await loadSettings({ ...empty, environment: { BOOTC_CI_RETRIES: '0' } });
  expect(testRequest(settings, { image: 'i', parallel: '1' })).toMatchObject({ retries: 0, parallel: 1 });
  for (const parallel of ['0', '-1', '100', 'x']) {
    expect(() => testRequest(settings, { image: 'i', parallel })).toThrow(
      `--parallel: '${parallel}' is no whole number from 1 to 99`,
    );
  }
});

test('what is not KEY=VALUE is refused, all of it at once', async () => {
  const settings = await loadSettings(empty);
  expect(() => testRequest(settings, { image: 'i', contexts: ['x'], environment: ['=y'] })).toThrow(
    "2 settings are wrong\n  --context: 'x' is not KEY=VALUE\n  --env: '=y' is not KEY=VALUE",
  );
});
