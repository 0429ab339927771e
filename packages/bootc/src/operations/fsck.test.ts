import { rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { deploymentPaths } from '../deployment/state-paths.ts';
import type { StoredImage } from '../storage/image-store.ts';
import { type MockInstallation, makeFixtureInstallation, mockImageStore } from '../storage/mock-installation.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { checkOfRepository, checkRootModel, formatChecks } from './fsck.ts';

const fixtures = new URL('../../fixtures', import.meta.url).pathname;
const otherId =
  '9a526410ae4e0e8ce429e8c56d4dda4913ead85a539dc3be707f639217a9f1e1d90caeec81535df5635f5591352b4d63d919d852acc4dd21e95bbca32674e230';

function install(name: string): MockInstallation {
  const image: StoredImage = {
    manifest: { schemaVersion: 2, config: { mediaType: '', digest: '', size: 0 }, layers: [] },
    config: { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } },
  };
  const digests = [
    'd6eb2740a09422174eabbc09de38892bce41c71609902af0016fa48f164062ac',
    'e9c21883c474feb2510f6ce23641c981d7d79d27cf4ae648511e0528490c1d2a',
  ];
  const images = Object.fromEntries(digests.map((digest) => [`sha256:${digest}`, image]));
  const mock = makeFixtureInstallation(join(fixtures, name), mockImageStore({ images }));
  onTestFinished(() => rmSync(mock.directory, { recursive: true }));
  return mock;
}

test.each(['peer-new-1-installed', 'peer-new-2-staged', 'peer-new-5-rolled-back', 'peer-old-3-switched'])(
  '%s is in order',
  async (name) => {
    const checks = checkRootModel(await buildRootModel(install(name)));
    expect(checks.flatMap((check) => check.problems)).toEqual([]);
    expect(checks.every((check) => check.checked > 0)).toBe(true);
    expect(formatChecks(checks).at(-1)).toBe('status: ok');
  },
);

test('everything that is wrong is told', async () => {
  const mock = install('peer-new-5-rolled-back');
  const { bootDirectory, espDirectory } = mock.boot;
  unlinkSync(join(espDirectory, `EFI/Linux/bootc_composefs-${mock.host.deploymentId}/initrd`));
  unlinkSync(deploymentPaths(mock.physicalRoot, otherId).origin);
  writeFileSync(join(bootDirectory, 'loader/entries/bootc_debian-1-0.conf'), 'torn');
  writeFileSync(join(bootDirectory, 'loader/entries/windows.conf'), 'version 1\nefi /EFI/x.efi\n');
  const repository = checkOfRepository({
    ok: false,
    hasMetadata: true,
    objectsChecked: 0,
    objectsCorrupted: 0,
    streamsChecked: 7,
    streamsCorrupted: 1,
    imagesChecked: 4,
    imagesCorrupted: 0,
    brokenLinks: 0,
    missingObjects: 0,
    errors: ['fsck: broken-symlink: streams/x'],
    hurtObjects: [],
    verity: 'off',
  });
  const lines = formatChecks([...checkRootModel(await buildRootModel(mock)), repository]);
  await expect(`${lines.join('\n')}\n`.replaceAll(mock.directory, '')).toMatchFileSnapshot('golden/damaged.txt');
});
