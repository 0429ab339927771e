import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { kernelsDirectory } from '../boot/names.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { assertNoOp, collectSystemGarbage } from '../gc/collect.ts';
import { migrateStorage } from '../migration/migrate.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { deploymentRoles } from '../storage/deployment-roles.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { bootableFiles, writeImageLayout } from '../storage/test-system.testing.ts';
import { finalizeStaged } from './finalize.ts';
import { makeLegacySystem } from './legacy-system.testing.ts';
import { planRepair } from './repair.ts';
import { rollBack } from './rollback.ts';
import { switchTo } from './switch.ts';
import { boot, publishImage, recordingEnvironment, targetOf, type UpdateSystem } from './update-system.testing.ts';
import { upgrade } from './upgrade.ts';

const folder = dirSync({ unsafeCleanup: true });
afterAll(() => folder.removeCallback());

let system: UpdateSystem;
let followed: string;
let manifestDigest: string;

/** As opening for writing does. */
const open = <T>(action: (storage: BootedStorage) => Promise<T>): Promise<T> =>
  system.use(async (storage) => {
    expect((await migrateStorage(storage)).problems).toEqual([]);
    return await action(storage);
  });
const roles = () => system.use(async (storage) => deploymentRoles(await buildRootModel(storage)));
const kernelFolders = (): string[] =>
  readdirSync(kernelsDirectory(system.boot.bootDirectory, system.boot.bootloader)).filter((name) =>
    /[0-9a-f]{128}/.test(name),
  );
const publish = (files: Record<string, string>): void => publishImage(followed, files);
const upgradeAndBoot = async (): Promise<string> => {
  const id = await open((storage) => upgrade(storage, { isDownloadOnly: false }, recordingEnvironment()));
  expect(await open(finalizeStaged)).toMatchObject({ kind: 'finalized', problems: [] });
  system = boot(system, { id: id!, manifestDigest: '', artifactName: '' });
  return id!;
};

describe.each(['systemd', 'grub'] as const)('%s', (bootloader) => {
  // It had booted one deployment and never been upgraded.
  beforeEach(async () => {
    followed = writeImageLayout(join(folder.name, 'followed'), bootableFiles('1'));
    system = await makeLegacySystem(`${bootloader}-bls`, followed);
    manifestDigest = system.booted.manifestDigest;
    return () => rmSync(system.directory, { recursive: true });
  });

  test('it is upgraded, rolled back and forwards, and in the end nothing of it is left', async () => {
    const legacyId = system.booted.id;
    publish(bootableFiles('2', 'another kernel'));
    const second = await upgradeAndBoot();
    expect(kernelFolders().sort()).toEqual([legacyId, second].map((id) => `bootc_composefs-${id}`).sort());
    const { booted, rollback } = await roles();
    expect([booted.id, rollback?.id]).toEqual([second, legacyId]);
    expect(rollback?.image).toMatchObject({ manifestDigest, isStored: false });
    expect(rollback?.problems).toEqual([]);
    await open((storage) => collectSystemGarbage(storage, { isDryRun: false, onlyBootFiles: false }));

    await open(rollBack);
    system = boot(system, { id: legacyId, manifestDigest, artifactName: legacyId });
    expect((await roles()).rollback?.id).toBe(second);
    await open(rollBack);
    system = boot(system, { id: second, manifestDigest: '', artifactName: second });

    publish(bootableFiles('3', 'another kernel'));
    const third = await upgradeAndBoot();
    await open((storage) => collectSystemGarbage(storage, { isDryRun: false, onlyBootFiles: false }));
    expect(kernelFolders()).toEqual([`bootc_composefs-${second}`]);
    expect(existsSync(deploymentPaths(system.physicalRoot, legacyId).directory)).toBe(false);
    expect([(await roles()).booted.id, (await roles()).rollback?.id]).toEqual([third, second]);
    await system.use(async (storage) => {
      assertNoOp(await collectSystemGarbage(storage, { isDryRun: true, onlyBootFiles: false }));
      expect(await planRepair(storage)).toEqual({ steps: [], problems: [] });
    });
  });

  test('a kernel that has not changed is shared with the old deployment', async () => {
    const legacyId = system.booted.id;
    publish(bootableFiles('2'));
    await upgradeAndBoot();
    expect(kernelFolders()).toEqual([`bootc_composefs-${legacyId}`]);
  });

  test('an upgrade with nothing new, and a switch to the same content, change nothing', async () => {
    const environment = recordingEnvironment();
    expect(await open((storage) => upgrade(storage, { isDownloadOnly: false }, environment))).toBeUndefined();
    const copy = writeImageLayout(join(folder.name, 'copy'), bootableFiles('1'));
    await expect(open((storage) => switchTo(storage, targetOf(copy), environment))).rejects.toMatchObject({
      code: 'SAME_CONTENT',
    });
    const { booted, staged } = await roles();
    expect(booted.image?.manifestDigest).toBe(manifestDigest);
    expect(staged).toBeUndefined();
  });
});
