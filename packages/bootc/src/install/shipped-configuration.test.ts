import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadInstallConfiguration } from './configuration.ts';

const rootfs = join(import.meta.dirname, '../../rootfs');

test('the configuration in the image is valid, and installs systemd-boot on ext4', async () => {
  expect(await loadInstallConfiguration(rootfs, 'x86_64')).toEqual({
    configuration: expect.objectContaining({ rootFilesystem: 'ext4', bootloader: 'systemd', block: ['direct'] }),
    warnings: [],
  });
});

test('a staged deployment is finished when the system goes down', () => {
  const unit = readFileSync(join(rootfs, 'usr/lib/systemd/system/bootc-finalize-staged.service'), 'utf8');
  expect(unit).toContain('\nExecStop=/usr/bin/bootc composefs-finalize-staged\n');
  expect(unit).not.toMatch(/^(ExecStart|WantedBy)=/m);
});

test('the container storage of the image leads to the physical root', () => {
  expect(readlinkSync(join(rootfs, 'usr/lib/bootc/storage'))).toBe('/sysroot/ostree/bootc/storage');
});
