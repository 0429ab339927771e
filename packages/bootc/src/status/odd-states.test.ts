import { mkdirSync, readdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { formatOrigin } from '../deployment/origin.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { type MockInstallation, makeFixtureInstallation, mockImageStore } from '../storage/mock-installation.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { buildHostDocument } from './build-host-document.ts';
import { formatDocument } from './format-document.ts';
import type { HostDocument } from './host-document.ts';

const fixtures = new URL('../../fixtures', import.meta.url).pathname;
const bootedId =
  'b496ce97e245cc429d51b9495a39c92ae51fe69576e340bd0e5313cee0c43c18e3f857461c4c5a7b0aa8b90aafc1144c30dfb941aedb37845042bf5a04f1c30f';
const stagedId =
  '9a526410ae4e0e8ce429e8c56d4dda4913ead85a539dc3be707f639217a9f1e1d90caeec81535df5635f5591352b4d63d919d852acc4dd21e95bbca32674e230';

let mock: MockInstallation;
let entries: string;

beforeEach(() => {
  mock = makeFixtureInstallation(join(fixtures, 'peer-new-2-staged'), mockImageStore({}));
  const { directory } = mock;
  onTestFinished(() => rmSync(directory, { recursive: true }));
  entries = join(mock.boot.bootDirectory, 'loader/entries');
});

async function document(): Promise<HostDocument> {
  const system = { mounts: [], isReadOnly: false, isSelinuxEnabled: false };
  return buildHostDocument(await buildRootModel(mock), system);
}

describe('status answers whatever has happened', () => {
  test('images that are not in the repository', async () => {
    const { booted, staged, incomplete } = (await document()).status;
    expect(booted).toMatchObject({ image: null, composefs: { verity: bootedId } });
    expect(staged).toMatchObject({ image: null, composefs: { verity: stagedId } });
    expect(incomplete).toHaveLength(2);
    expect(incomplete?.[0]).toEqual({
      deployment: bootedId,
      problem: 'image sha256:d6eb2740a09422174eabbc09de38892bce41c71609902af0016fa48f164062ac is not in the repository',
    });
    expect((await document()).spec.image?.image).toBe('registry.example:5000/peer-new:v2');
  });

  test('an EFI system partition that cannot be mounted', async () => {
    const problem = 'no EFI system partition (ESP) found: none on /dev/vda';
    const boot = { ...mock.boot, bootDirectory: '/nonexistent', espDirectory: '/nonexistent' };
    mock = { ...mock, boot, problems: [problem] };
    const { booted, incomplete } = (await document()).status;
    expect(booted?.composefs.verity).toBe(bootedId);
    expect(incomplete?.[0]).toEqual({ deployment: null, problem });
  });

  test('entries of others, and entries nobody can read', async () => {
    writeFileSync(join(entries, 'windows.conf'), 'title Windows\nversion 11\nefi /EFI/Microsoft/bootmgfw.efi\n');
    writeFileSync(join(entries, 'arch.conf'), 'version 1\nlinux /vmlinuz\noptions root=/dev/sda1\n');
    writeFileSync(join(entries, 'junk.conf'), Buffer.from([0, 255, 10]));
    mkdirSync(join(entries, 'folder.conf'));
    const { unmanaged, booted } = (await document()).status;
    expect(booted?.composefs.verity).toBe(bootedId);
    expect(unmanaged?.map((entry) => entry.entry)).toEqual(['arch.conf', 'folder.conf', 'junk.conf', 'windows.conf']);
  });

  test('an entry of a deployment that never was', async () => {
    const id = '0'.repeat(128);
    const text = `version ${id}\nlinux /EFI/Linux/bootc_composefs-${id}/vmlinuz\noptions rw composefs=${id}\n`;
    writeFileSync(join(entries, `bootc_debian-${id}-0.conf`), text);
    const { rollback, incomplete } = (await document()).status;
    expect(rollback).toBeNull();
    expect(incomplete?.map((item) => item.problem)).toEqual(
      expect.arrayContaining([
        `boot entry bootc_debian-${id}-0.conf names /EFI/Linux/bootc_composefs-${id}/vmlinuz, which is not there`,
        `No origin file for deployment ${id}`,
      ]),
    );
  });

  test('a staging that was cut short before its record was written', async () => {
    rmSync(join(mock.root, 'run/composefs'), { recursive: true });
    const { staged, rollback, otherDeployments, booted } = (await document()).status;
    expect({ staged, rollback, otherDeployments }).toEqual({
      staged: null,
      rollback: null,
      otherDeployments: undefined,
    });
    expect(booted?.composefs.verity).toBe(bootedId);
  });

  test('a staged record that is no JSON', async () => {
    writeFileSync(join(mock.root, 'run/composefs/staged-deployment'), '{');
    const { staged, incomplete } = (await document()).status;
    expect(staged).toBeNull();
    expect(incomplete?.[0]).toMatchObject({ deployment: null, problem: expect.stringContaining('no JSON') });
  });

  test('the staged deployment lost its origin', async () => {
    unlinkSync(deploymentPaths(mock.physicalRoot, stagedId).origin);
    const { staged, incomplete } = (await document()).status;
    expect(staged).toBeNull();
    expect(incomplete).toContainEqual({ deployment: stagedId, problem: `No origin file for deployment ${stagedId}` });
  });

  test('the booted deployment lost its entry and its state', async () => {
    for (const name of readdirSync(entries)) unlinkSync(join(entries, name));
    rmSync(deploymentPaths(mock.physicalRoot, bootedId).directory, { recursive: true });
    renameSync(join(mock.boot.bootDirectory, 'loader/entries.staged'), join(mock.directory, 'away'));
    const { booted, incomplete } = (await document()).status;
    expect(booted).toMatchObject({ image: null, composefs: { verity: bootedId, bootType: 'Bls', bootDigest: null } });
    expect(incomplete?.map((item) => item.problem)).toContain(
      `No boot entry and no state for the booted deployment ${bootedId}`,
    );
  });

  test('an origin that says nothing of use', async () => {
    writeFileSync(
      deploymentPaths(mock.physicalRoot, bootedId).origin,
      '[origin]\ncontainer-image-reference = nonsense\n',
    );
    const { booted, incomplete } = (await document()).status;
    expect(booted?.image).toBeNull();
    expect(incomplete?.filter((item) => item.deployment === bootedId)).toHaveLength(3);
  });

  test('more deployments than one to fall back to, of whose images nothing is known', async () => {
    const ids = ['1', '2'].map((digit) => digit.repeat(128));
    for (const id of ids) {
      const paths = deploymentPaths(mock.physicalRoot, id);
      mkdirSync(paths.directory);
      writeFileSync(paths.origin, formatOrigin({ bootType: 'bls', manifestDigest: `sha256:${id.slice(0, 64)}` }));
      const text = `version 1\nlinux /vmlinuz\noptions composefs=${id}\nsort-key bootc-x-${id[0]}\n`;
      writeFileSync(join(entries, `bootc_x-${id}-0.conf`), text);
    }
    const text = await formatDocument(await document(), { format: 'humanreadable', isVerbose: false });
    expect(text).toMatch(new RegExp(`\n  Rollback composefs\n +Commit: ${ids[0]}\n`));
    expect(text).toMatch(new RegExp(`\n   Other composefs\n +Commit: ${ids[1]}\n`));
  });

  test('and says so to people', async () => {
    writeFileSync(join(entries, 'other.conf'), 'version 1\nlinux /vmlinuz\n');
    const text = await formatDocument(await document(), { format: 'humanreadable', isVerbose: true });
    await expect(text).toMatchFileSnapshot('golden/odd-verbose.txt');
  });
});
