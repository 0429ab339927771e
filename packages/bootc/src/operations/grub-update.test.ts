import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { blsMenuName } from '../boot/bls-menu.ts';
import { grubMenu } from '../boot/grub-menu.ts';
import { loaderPaths } from '../boot/names.ts';
import { deploymentRoles } from '../storage/deployment-roles.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { bootableFiles, writeImageLayout } from '../storage/test-system.testing.ts';
import { finalizeStaged } from './finalize.ts';
import { rollBack } from './rollback.ts';
import { switchTo } from './switch.ts';
import { makeUpdateSystem, recordingEnvironment, targetOf } from './update-system.testing.ts';

const folder = dirSync({ unsafeCleanup: true });
afterAll(() => folder.removeCallback());

const own = 'menuentry "Other system" {\nchainloader /EFI/other/grubx64.efi\n}\n';

test.each([
  ['on the root', false, '/boot'],
  ['of its own', true, ''],
])('with a /boot %s, grub boots what was staged, and what is rolled back to', async (_, bootIsMount, base) => {
  const image = (name: string, ...files: Parameters<typeof bootableFiles>) =>
    writeImageLayout(join(folder.name, `${bootIsMount}`, name), bootableFiles(...files));
  const system = await makeUpdateSystem(image('first', '1'), { bootloader: 'grub', bootIsMount });
  const entries = join(system.boot.bootDirectory, loaderPaths.entries);
  // An installation leaves one.
  writeFileSync(join(entries, blsMenuName), '');
  // A menu of somebody's own makes no other kind of system of it, and stays.
  const ownMenu = join(system.boot.bootDirectory, grubMenu.directory, grubMenu.active);
  mkdirSync(dirname(ownMenu));
  writeFileSync(ownMenu, own);
  const second = targetOf(image('second', '2', 'second kernel'));
  const id = (await system.use((storage) => switchTo(storage, second, recordingEnvironment())))!;
  expect(await system.use(finalizeStaged)).toMatchObject({ kind: 'finalized', deploymentId: id, problems: [] });

  const kernels = () =>
    [...readFileSync(join(entries, blsMenuName), 'utf8').matchAll(/^ {4}(?:linux|initrd) (\S+)/gm)].map(
      ([, path]) => path,
    );
  const filesOf = (name: string) => ['vmlinuz', 'initrd'].map((file) => `${base}/bootc_composefs-${name}/${file}`);
  expect(kernels()).toEqual([...filesOf(id), ...filesOf(system.booted.id)]);
  for (const path of kernels()) {
    expect(readFileSync(join(system.boot.bootDirectory, path!.slice(base.length))).length).toBeGreaterThan(0);
  }
  const roles = await system.use(async (storage) => deploymentRoles(await buildRootModel(storage)));
  expect([roles.booted.problems, roles.rollback?.problems]).toEqual([[], []]);

  await system.use(rollBack);
  expect(kernels()).toEqual([...filesOf(system.booted.id), ...filesOf(id)]);
  expect(readdirSync(join(system.boot.bootDirectory, loaderPaths.directory))).toEqual(['entries']);
  expect(readFileSync(ownMenu, 'utf8')).toBe(own);
  expect(readdirSync(dirname(ownMenu))).toEqual([grubMenu.active]);
  rmSync(system.directory, { recursive: true });
});
