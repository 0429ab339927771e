import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkRepository, openRepository } from '@workbench/composefs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { failEveryMutation, stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { deploymentPaths, stagedRecord } from '../deployment/state-paths.ts';
import { assertNoOp, collectSystemGarbage, type GcResult } from '../gc/collect.ts';
import { deploymentRoles } from '../storage/deployment-roles.ts';
import { buildRootModel, type RootModel } from '../storage/root-model.ts';
import {
  bootableFiles,
  deploy,
  makeTestSystem,
  openTestStorage,
  recordStaged,
  type TestDeployment,
  type TestSystem,
  writeEntrySet,
  writeImageLayout,
} from '../storage/test-system.testing.ts';
import { deleteDeployment } from './delete-deployment.ts';

let system: TestSystem;
let template: string;
let booted: TestDeployment;
let rollback: TestDeployment;
let staged: TestDeployment;

beforeAll(async () => {
  system = await makeTestSystem();
  const image = (name: string) => writeImageLayout(join(system.directory, name), bootableFiles(name));
  booted = await deploy(system, image('booted'));
  rollback = await deploy(system, image('rollback'));
  staged = await deploy(system, image('staged'), { kernelOf: booted });
  writeEntrySet(system, 'entries', [booted, rollback]);
  writeEntrySet(system, 'entries.staged', [staged, booted]);
  recordStaged(system, staged);
  template = `${system.directory}.template`;
  cpSync(system.directory, template, { recursive: true, verbatimSymlinks: true });
});
afterAll(() => {
  for (const path of [system.directory, template]) rmSync(path, { recursive: true });
});

function restore(): void {
  rmSync(system.directory, { recursive: true });
  cpSync(template, system.directory, { recursive: true, verbatimSymlinks: true });
}
beforeEach(restore);

async function remove(id: string): Promise<GcResult> {
  await using storage = await openTestStorage(system, booted.id);
  return await deleteDeployment(storage, id);
}

async function model(): Promise<RootModel> {
  await using storage = await openTestStorage(system, booted.id);
  return await buildRootModel(storage);
}

async function expectNothingToCollect(): Promise<void> {
  await using storage = await openTestStorage(system, booted.id);
  assertNoOp(await collectSystemGarbage(storage, { isDryRun: true, onlyBootFiles: false }));
  await using repository = await openRepository(system.repositoryPath);
  expect(await checkRepository(repository)).toMatchObject({ ok: true });
}

function statesOnDisk(): string[] {
  return [booted, rollback, staged]
    .filter(({ id }) => existsSync(deploymentPaths(system.physicalRoot, id).directory))
    .map(({ id }) => id);
}

test('the deployment to fall back to, while another is staged: that stays', async () => {
  await remove(rollback.id);
  const roles = deploymentRoles(await model());
  expect([roles.booted.id, roles.staged?.id, roles.rollback]).toEqual([booted.id, staged.id, undefined]);
  expect(statesOnDisk()).toEqual([booted.id, staged.id]);
  expect(readdirSync(join(system.boot.espDirectory, 'EFI/Linux'))).toEqual([`bootc_composefs-${booted.id}`]);
  await expectNothingToCollect();
});

test('the staged one: all of it goes, but not the kernel it shares', async () => {
  await remove(staged.id);
  expect(existsSync(join(system.root, stagedRecord.directory, stagedRecord.name))).toBe(false);
  expect(readdirSync(join(system.boot.bootDirectory, 'loader'))).toEqual(['entries']);
  expect(statesOnDisk()).toEqual([booted.id, rollback.id]);
  expect((await model()).entries.flatMap((entry) => entry.missingFiles)).toEqual([]);
  await expectNothingToCollect();
});

test('a queued rollback: the booted deployment boots next', async () => {
  rmSync(join(system.boot.bootDirectory, 'loader/entries'), { recursive: true });
  writeEntrySet(system, 'entries', [rollback, booted]);
  expect(deploymentRoles(await model()).isRollbackQueued).toBe(true);
  await remove(rollback.id);
  expect(deploymentRoles(await model())).toMatchObject({ isRollbackQueued: false, booted: { id: booted.id } });
});

test('refusals', async () => {
  await expect(remove(booted.id)).rejects.toThrow('Cannot delete currently booted deployment');
  await expect(remove('0'.repeat(128))).rejects.toThrow(`Deployment ${'0'.repeat(128)} not found`);
  expect(statesOnDisk()).toHaveLength(3);
});

/** Status works, what boots is whole, and the same command completes, or says that it has been completed. */
async function checkAndComplete(id: string): Promise<void> {
  const found = await model();
  const bootable = found.entries.filter((entry) => entry.set === 'active' && entry.missingFiles.length === 0);
  expect(bootable.map((entry) => entry.deploymentId)).toContain(booted.id);
  expect(found.entries.flatMap((entry) => entry.missingFiles)).toEqual([]);
  const isKnown = found.deployments.has(id);
  const again = await remove(id).catch((error: unknown) => error);
  if (again instanceof Error) {
    expect(isKnown).toBe(false);
    expect(again.message).toContain('not found');
    await using storage = await openTestStorage(system, booted.id);
    await collectSystemGarbage(storage, { isDryRun: false, onlyBootFiles: false });
  }
  expect(statesOnDisk()).not.toContain(id);
  await expectNothingToCollect();
}

test.each(['rollback', 'staged'] as const)(
  'deleting the %s deployment is stopped at every change of the disk',
  async (which) => {
    const { id } = { rollback, staged }[which];
    const stops = await stopAtEveryMutation({
      prepare: restore,
      act: () => remove(id),
      afterStop: () => checkAndComplete(id),
    });
    expect(stops.length).toBeGreaterThan(25);
    // Its record or its entry goes before all else.
    expect(stops.slice(0, 2)).toEqual(['unlink', 'fsync']);
  },
);

test.each(['ENOSPC', 'EIO'])('every change of the disk fails once with %s', async (code) => {
  const { id } = rollback;
  const failures = await failEveryMutation({
    code,
    prepare: restore,
    act: () => remove(id),
    afterFailure: () => checkAndComplete(id),
  });
  expect(failures.length).toBeGreaterThan(25);
});
