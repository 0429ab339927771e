import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRepository, readImageTree, writeDumpfile } from '@workbench/composefs';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { addonFolderName, loaderPaths } from '../boot/names.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { deploymentRoles } from '../storage/deployment-roles.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { bootableFiles, deploy, makeTestSystem, writeImageLayout } from '../storage/test-system.testing.ts';
import { makeUki } from '../uki/make-pe.testing.ts';
import { finalizeStaged } from './finalize.ts';
import { switchTo } from './switch.ts';
import { boot, makeUpdateSystem, recordingEnvironment, targetOf, type UpdateSystem } from './update-system.testing.ts';

const folder = dirSync({ unsafeCleanup: true });
let system: UpdateSystem;
beforeAll(async () => {
  system = await makeUpdateSystem(writeImageLayout(join(folder.name, 'first'), bootableFiles('1')));
});
afterAll(() => {
  rmSync(system.directory, { recursive: true });
  folder.removeCallback();
});

/** An image that was sealed: its unified kernel image names the image that boots, which does not hold it. */
async function sealedImage(version: string, addon: string): Promise<string> {
  const unsealed = writeImageLayout(join(folder.name, `unsealed-${version}`), bootableFiles(version));
  const scratch = await makeTestSystem();
  const { id } = await deploy(scratch, unsealed);
  rmSync(scratch.directory, { recursive: true });
  return writeImageLayout(join(folder.name, `sealed-${version}`), {
    ...bootableFiles(version),
    'boot/EFI/Linux/6.12.efi': makeUki(`rw composefs=?${id}`),
    'boot/EFI/Linux/6.12.efi.extra.d/console.addon.efi': addon,
  });
}

const stage = (source: string, environment = recordingEnvironment()) =>
  system.use((storage) => switchTo(storage, targetOf(source), environment));
const roles = () => system.use(async (storage) => deploymentRoles(await buildRootModel(storage)));
const unifiedKernels = () => readdirSync(join(system.boot.espDirectory, 'EFI/Linux/bootc')).sort();

test('a sealed image is staged, finalized, and followed by another one; addons that were installed are carried', async () => {
  const id = (await stage(await sealedImage('2', 'addon of 2')))!;
  expect((await roles()).staged).toMatchObject({ id, origin: { bootType: 'uki' }, problems: [] });
  const staged = join(system.boot.bootDirectory, loaderPaths.staged);
  const texts = readdirSync(staged).map((name) => readFileSync(join(staged, name), 'utf8'));
  expect(texts.find((text) => text.includes(id))).toMatch(
    new RegExp(
      `^title Example Linux 7\nversion 7\n(efi|uki) /EFI/Linux/bootc/bootc_composefs-${id}.efi\nsort-key bootc-example-0\n$`,
    ),
  );
  // None was installed, so none is.
  expect(unifiedKernels()).toEqual([`bootc_composefs-${id}.efi`]);
  expect(await system.use(finalizeStaged)).toMatchObject({ kind: 'finalized', deploymentId: id });

  const second = { id, manifestDigest: '', artifactName: id };
  system = boot(system, second);
  mkdirSync(join(system.root, 'proc'), { recursive: true });
  writeFileSync(join(system.root, 'proc/cmdline'), `rw composefs=?${id}\n`);
  const addons = join(system.boot.espDirectory, 'EFI/Linux/bootc', addonFolderName(id));
  mkdirSync(addons);
  for (const name of ['console', 'own']) writeFileSync(join(addons, `${name}.addon.efi`), 'old');

  const next = (await stage(await sealedImage('3', 'addon of 3')))!;
  expect((await roles()).staged).toMatchObject({ id: next, problems: [] });
  const carried = join(system.boot.espDirectory, 'EFI/Linux/bootc', addonFolderName(next));
  const contents = readdirSync(carried).map((name) => [name, readFileSync(join(carried, name), 'utf8')]);
  expect(contents).toEqual([
    ['console.addon.efi', 'addon of 3'],
    ['own.addon.efi', 'old'],
  ]);
  expect(await system.use(finalizeStaged)).toMatchObject({ kind: 'finalized', deploymentId: next });
  expect(unifiedKernels()).toEqual(
    [id, next].flatMap((name) => [`bootc_composefs-${name}.efi`, addonFolderName(name)]).sort(),
  );
  // The first deployment is gone from the menu; the next staging takes its state.
  expect(readdirSync(deploymentPaths(system.physicalRoot, system.booted.id).directory)).toContain('etc');
});

test('an image that was changed after it was sealed is refused with both ids and what differs, and nothing of it stays', async () => {
  const sealed = bootableFiles('4');
  const scratch = await makeTestSystem();
  const { id } = await deploy(scratch, writeImageLayout(join(folder.name, 'unchanged'), sealed));
  await using repository = await openRepository(scratch.repositoryPath);
  const dump = writeDumpfile(readImageTree(repository, id));
  const changed = {
    ...sealed,
    'etc/hostname': 'changed\n',
    'usr/lib/added': 'x',
    'boot/EFI/Linux/6.12.efi': makeUki(`composefs=${id}`),
    'boot/6.12.dump': dump,
  };
  const { id: actual } = await deploy(scratch, writeImageLayout(join(folder.name, 'changed'), changed));
  const before = unifiedKernels();
  const environment = recordingEnvironment();
  const refusal = await stage(`oci:${join(folder.name, 'changed')}`, environment).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'UKI_DIGEST_MISMATCH', hint: expect.stringContaining('seal it again') });
  expect(String(refusal)).toContain(`The UKI has the wrong composefs= parameter (is '${id}', should be '${actual}'`);
  expect(environment.warnings).toEqual([
    expect.stringMatching(/^~ \/etc\/hostname: size 5 became 8, .*content test\\n became changed\\n/),
    '+ /usr/lib/added: the image has it, the sealed tree has not',
  ]);
  expect(unifiedKernels()).toEqual(before);
  expect((await roles()).staged?.id).not.toBe(actual);
  rmSync(scratch.directory, { recursive: true });
});

test('staging one is stopped at every change of the ESP: the old one boots, and the same again completes', {
  timeout: 300_000,
}, async () => {
  const installed = await makeUpdateSystem(writeImageLayout(join(folder.name, 'installed'), bootableFiles('5')));
  const change = (on: UpdateSystem, source: string) =>
    on.use((storage) => switchTo(storage, targetOf(source), recordingEnvironment()));
  const id = (await change(installed, await sealedImage('6', 'addon of 6')))!;
  expect(await installed.use(finalizeStaged)).toMatchObject({ kind: 'finalized' });
  const own = boot(installed, { id, manifestDigest: '', artifactName: id });
  mkdirSync(join(own.root, 'proc'), { recursive: true });
  writeFileSync(join(own.root, 'proc/cmdline'), `rw composefs=?${id}\n`);
  const addonsOf = (deployment: string) => join(own.boot.espDirectory, 'EFI/Linux/bootc', addonFolderName(deployment));
  mkdirSync(addonsOf(id));
  writeFileSync(join(addonsOf(id), 'console.addon.efi'), 'old');
  const source = await sealedImage('7', 'addon of 7');
  const kept = `${own.directory}.kept`;
  const copy = (from: string, to: string) => cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  copy(own.directory, kept);

  const stops = await stopAtEveryMutation({
    prepare: () => {
      rmSync(own.directory, { recursive: true });
      copy(kept, own.directory);
    },
    isStop: ({ path }) => path.startsWith(own.boot.espDirectory),
    act: () => change(own, source),
    async afterStop() {
      const model = await own.use(buildRootModel);
      expect(model.entries[0]).toMatchObject({ set: 'active', deploymentId: id, missingFiles: [] });
      const staged = deploymentRoles(model).staged;
      if (staged !== undefined) expect(staged.problems).toEqual([]);
      const next = (await change(own, source))!;
      expect(deploymentRoles(await own.use(buildRootModel)).staged).toMatchObject({ id: next, problems: [] });
      expect(readFileSync(join(addonsOf(next), 'console.addon.efi'), 'utf8')).toBe('addon of 7');
    },
  });
  console.log(`staging a unified kernel image: stopped at ${stops.length} mutations of the ESP`);
  expect(stops.length).toBeGreaterThan(15);
  for (const path of [own.directory, kept]) rmSync(path, { recursive: true });
});
