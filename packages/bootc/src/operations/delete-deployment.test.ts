import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkRepository, openRepository } from '@workbench/composefs';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { failEveryMutation, stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { blsMenuName } from '../boot/bls-menu.ts';
import { deploymentPaths, stagedRecord } from '../deployment/state-paths.ts';
import { assertNoOp, collectSystemGarbage, type GcResult } from '../gc/collect.ts';
import { deploymentRoles } from '../storage/deployment-roles.ts';
import { refreshMenus } from '../storage/publish-entries.ts';
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

test('nothing is deleted where the booted deployment would not boot again', async () => {
  rmSync(join(system.boot.espDirectory, 'EFI/Linux', `bootc_composefs-${booted.id}`, 'initrd'));
  await expect(remove(rollback.id)).rejects.toMatchObject({ code: 'BOOTED_ENTRY_BROKEN' });
  expect(deploymentRoles(await model()).rollback?.id).toBe(rollback.id);
  expect(statesOnDisk()).toHaveLength(3);
});

test('a menu of grub names it no more, also when that was cut short before the menu was written', async () => {
  const grub = await makeTestSystem({ bootloader: 'grub' });
  onTestFinished(() => rmSync(grub.directory, { recursive: true }));
  const image = (name: string) => writeImageLayout(join(grub.directory, name), bootableFiles(name));
  const deployed = [await deploy(grub, image('queued')), await deploy(grub, image('running'))] as const;
  const menu = join(grub.boot.bootDirectory, 'loader/entries', blsMenuName);
  const booted = () => [...readFileSync(menu, 'utf8').matchAll(/composefs=\??(\w+)/g)].map(([, id]) => id);
  const [queued, running] = deployed;
  writeEntrySet(grub, 'entries', deployed);
  await using storage = await openTestStorage(grub, running.id);
  writeFileSync(menu, '');
  await refreshMenus(grub.boot);
  expect(booted()).toEqual([queued.id, running.id]);
  const whole = readFileSync(menu);
  await deleteDeployment(storage, queued.id);
  expect(booted()).toEqual([running.id]);
  writeFileSync(menu, whole);
  await collectSystemGarbage(storage, { isDryRun: false, onlyBootFiles: true });
  expect(booted()).toEqual([running.id]);
});

test('one that the menu of grub boots as a unified kernel image', async () => {
  const grub = await makeTestSystem({ bootloader: 'grub' });
  onTestFinished(() => rmSync(grub.directory, { recursive: true }));
  const image = (name: string) => writeImageLayout(join(grub.directory, name), bootableFiles(name));
  const [running, old] = [await deploy(grub, image('running')), await deploy(grub, image('old'))];
  writeEntrySet(grub, 'entries', [running]);
  const program = `EFI/Linux/bootc/bootc_composefs-${old.id}.efi`;
  mkdirSync(dirname(join(grub.boot.espDirectory, program)), { recursive: true });
  writeFileSync(join(grub.boot.espDirectory, program), 'uki');
  const menu = join(grub.boot.bootDirectory, 'grub2/user.cfg');
  mkdirSync(dirname(menu), { recursive: true });
  const own = 'menuentry "Firmware" {\nfwsetup\n}\n';
  writeFileSync(menu, `${own}menuentry "Old: (${old.id})" {\ninsmod chain\nchainloader /${program}\n}\n`);
  await using storage = await openTestStorage(grub, running.id);
  await deleteDeployment(storage, old.id);
  expect(readFileSync(menu, 'utf8')).toBe(own);
  expect((await buildRootModel(storage)).deployments.has(old.id)).toBe(false);
  expect(existsSync(join(grub.boot.espDirectory, program))).toBe(false);
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
    console.log(`deleting the ${which} deployment: stopped at ${stops.length} mutations`);
    expect(stops.length).toBeGreaterThan(25);
    // Its record or its entry goes before all else.
    expect(stops.slice(0, 2)).toEqual(['unlink', 'fsync']);
  },
);

test.each(
  (['rollback', 'staged'] as const).flatMap((which) => ['ENOSPC', 'EIO'].map((code) => [which, code] as const)),
)('deleting the %s deployment, every change of the disk fails once with %s', async (which, code) => {
  const { id } = { rollback, staged }[which];
  const failures = await failEveryMutation({
    code,
    prepare: restore,
    act: () => remove(id),
    afterFailure: () => checkAndComplete(id),
  });
  expect(failures.length).toBeGreaterThan(25);
});
