import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { initrdFile, kernelFile, kernelFolderName, kernelsDirectory } from '../boot/names.ts';
import { formatOrigin } from '../deployment/origin.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { bootableFiles, deploy, writeEntrySet, writeImageLayout } from '../storage/test-system.testing.ts';
import { makeUki } from '../uki/make-pe.testing.ts';
import { deleteDeployment } from './delete-deployment.ts';
import { finalizeStaged } from './finalize.ts';
import { type FollowingSystem, followImage } from './followed-system.testing.ts';
import { rollBack } from './rollback.ts';
import { switchInPlace, switchTo } from './switch.ts';
import {
  makeUpdateSystem,
  recordingEnvironment,
  snapshotOf,
  targetOf,
  type UpdateSystem,
} from './update-system.testing.ts';
import { checkForUpgrade, upgrade } from './upgrade.ts';

let system: UpdateSystem;
let environment: FollowingSystem['environment'];
const { image, publish, roles, runSwitch, runUpgrade } = followImage((made) => {
  ({ system, environment } = made);
});

/** Expects that an action is refused, and that the system is afterwards as it was. */
async function expectRefused(refusing: UpdateSystem, action: () => Promise<unknown>, error: object): Promise<void> {
  const before = snapshotOf(refusing);
  await expect(action()).rejects.toMatchObject(error);
  expect(snapshotOf(refusing)).toEqual(before);
}

const originOfBooted = () => deploymentPaths(system.physicalRoot, system.booted.id).origin;

test('an upgrade of a system that follows no image', async () => {
  const { manifestDigest } = system.booted;
  writeFileSync(originOfBooted(), formatOrigin({ bootType: 'bls', manifestDigest }));
  const check = (tag?: string) => system.use((storage) => checkForUpgrade(storage, { tag }, environment));
  const run = (tag?: string) => system.use((storage) => upgrade(storage, { isDownloadOnly: false, tag }, environment));
  for (const action of [check, run]) {
    const code = 'NO_IMAGE_SOURCE';
    await expectRefused(system, () => action(), { code, message: 'No image source specified' });
    const message = '--tag requires a booted image with a specified source';
    await expectRefused(system, () => action('2'), { code, message });
  }
});

test('a switch in place without an origin to write to; an ordinary one brings another', async () => {
  rmSync(originOfBooted());
  const target = targetOf(image(bootableFiles('2')));
  const inPlace = () => system.use((storage) => switchInPlace(storage, target, environment));
  await expectRefused(system, inPlace, { code: 'ORIGIN_MISSING' });
  expect(await system.use((storage) => switchTo(storage, target, environment))).toBeDefined();
});

test('finalizing what has lost its kernel: the old one boots; once it is discarded it can be staged again', async () => {
  const source = image(bootableFiles('2', 'another kernel'));
  const id = (await runSwitch(source))!;
  const kernels = join(system.boot.espDirectory, 'EFI/Linux', kernelFolderName(id));
  rmSync(join(kernels, kernelFile));
  const entriesBefore = await system.use(async (storage) => (await buildRootModel(storage)).entries);
  const refusal = await system.use(finalizeStaged).catch((error: unknown) => error);
  expect(refusal).toMatchObject({
    code: 'STAGED_INCOMPLETE',
    message: expect.stringContaining(`${kernelFolderName(id)}/${kernelFile}`),
    hint: expect.stringContaining(`bootc delete-deployment ${id}`),
  });
  expect(await system.use(async (storage) => (await buildRootModel(storage)).entries)).toEqual(entriesBefore);
  await system.use((storage) => deleteDeployment(storage, id));
  expect(await runSwitch(source)).toBe(id);
  expect((await roles()).staged?.problems).toEqual([]);
  expect(await system.use(finalizeStaged)).toMatchObject({ kind: 'finalized', deploymentId: id });
});

test('a kernel folder that would be needed, but is another’s and damaged', async () => {
  publish(bootableFiles('2', 'another kernel'));
  const id = (await runUpgrade())!;
  await system.use((storage) => deleteDeployment(storage, id));
  // The booted deployment boots from a folder with that name, whose deployment is gone.
  const folderOf = (name: string) => join(system.boot.espDirectory, 'EFI/Linux', kernelFolderName(name));
  cpSync(folderOf(system.booted.id), folderOf(id), { recursive: true });
  rmSync(join(system.boot.bootDirectory, 'loader/entries'), { recursive: true });
  writeEntrySet(system, 'entries', [{ ...system.booted, artifactName: id }]);
  await expect(runUpgrade()).rejects.toMatchObject({ code: 'KERNEL_FOLDER_DAMAGED' });
  expect((await roles()).staged).toBeUndefined();
  expect(readFileSync(join(folderOf(id), initrdFile), 'utf8')).toBe('initrd');
});

async function makeGrubSystem(): Promise<UpdateSystem> {
  const grub = await makeUpdateSystem(image(bootableFiles('1')), { bootloader: 'grub' });
  onTestFinished(() => rmSync(grub.directory, { recursive: true }));
  return grub;
}

test('a unified kernel image on a system with grub', async () => {
  const grub = await makeGrubSystem();
  const files = { ...bootableFiles('2'), 'boot/EFI/Linux/6.12.efi': makeUki('rw') };
  const source = writeImageLayout(join(grub.directory, 'sealed'), files);
  await expect(
    grub.use((storage) => switchTo(storage, targetOf(source), recordingEnvironment())),
  ).rejects.toMatchObject({ code: 'GRUB_UKI_UNSUPPORTED' });
  expect((await grub.use(buildRootModel)).staged).toBeUndefined();
});

test('a rollback to what only the menu of unified kernel images of grub boots', async () => {
  const grub = await makeGrubSystem();
  const old = await deploy(grub, writeImageLayout(join(grub.directory, 'old'), bootableFiles('old')));
  rmSync(join(kernelsDirectory(grub.boot.bootDirectory, 'grub'), kernelFolderName(old.id)), { recursive: true });
  const program = `EFI/Linux/bootc/bootc_composefs-${old.id}.efi`;
  mkdirSync(join(grub.boot.espDirectory, program, '..'), { recursive: true });
  writeFileSync(join(grub.boot.espDirectory, program), 'uki');
  mkdirSync(join(grub.boot.bootDirectory, 'grub2'));
  writeFileSync(
    join(grub.boot.bootDirectory, 'grub2/user.cfg'),
    `menuentry "Old: (${old.id})" {\nchainloader /${program}\n}\n`,
  );
  await expectRefused(grub, () => grub.use((storage) => rollBack(storage)), { code: 'ROLLBACK_UNSUPPORTED' });
});
