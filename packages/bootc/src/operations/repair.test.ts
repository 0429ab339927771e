import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { computeBootDigest } from '../boot/boot-digest.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { buildRootModel } from '../storage/root-model.ts';
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
import { applyRepair, formatRepair, planRepair, type RepairPlan } from './repair.ts';

let system: TestSystem;
let booted: TestDeployment;
let former: TestDeployment;
let lost: TestDeployment;
/** Things that the program does not know, with which nothing may be done. */
let strangers: string[];

beforeAll(async () => {
  system = await makeTestSystem();
  const layout = (version: string): string =>
    writeImageLayout(join(system.directory, `image-${version}`), bootableFiles(version, `kernel ${version}`));
  booted = await deploy(system, layout('1'));
  former = await deploy(system, layout('2'));
  lost = await deploy(system, layout('3'));
  writeEntrySet(system, 'entries', [booted, former]);
  mkdirSync(join(system.physicalRoot, 'ostree/bootc'), { recursive: true });
  strangers = [
    join(system.boot.espDirectory, 'EFI/Linux/mine.efi'),
    join(system.boot.espDirectory, 'EFI/Linux/.mine.efi.new'),
    join(system.boot.espDirectory, 'loader/entries/windows.conf'),
    join(system.boot.espDirectory, 'loader/entries/.windows.conf.new'),
    join(system.physicalRoot, 'state/deploy/notes.txt'),
    join(deploymentPaths(system.physicalRoot, booted.id).directory, '.notes.new'),
  ];
  for (const path of strangers) writeFileSync(path, 'version 1\nefi /x.efi\n');
});
afterAll(() => rmSync(system.directory, { recursive: true }));

/** The whole system as a copy, so that tests do not see each other's. */
function copySystem(): TestSystem {
  const directory = `${system.directory}-copy`;
  rmSync(directory, { recursive: true, force: true });
  cpSync(system.directory, directory, { recursive: true, verbatimSymlinks: true });
  const moved = (path: string): string => path.replace(system.directory, directory);
  const { boot } = system;
  return {
    ...system,
    directory,
    root: moved(system.root),
    physicalRoot: moved(system.physicalRoot),
    repositoryPath: moved(system.repositoryPath),
    boot: { ...boot, bootDirectory: moved(boot.bootDirectory), espDirectory: moved(boot.espDirectory) },
  };
}
afterAll(() => rmSync(`${system.directory}-copy`, { recursive: true, force: true }));

// What a staging leaves that was cut short before the record, another one after it, and a write of each kind of file.
function damage(copy: TestSystem): void {
  writeEntrySet(copy, 'entries.staged', [lost, booted]);
  const { espDirectory } = copy.boot;
  writeFileSync(join(espDirectory, 'loader/entries/.bootc_test-1-1.conf.new'), 'title');
  writeFileSync(join(espDirectory, `EFI/Linux/bootc_composefs-${booted.id}/.initrd.new`), 'init');
  const { directory, originName } = deploymentPaths(copy.physicalRoot, booted.id);
  writeFileSync(join(directory, `.${originName}.new`), '[ori');
}

async function plan(copy: TestSystem): Promise<RepairPlan> {
  await using storage = await openTestStorage(copy, booted.id);
  return await planRepair(storage);
}

async function apply(copy: TestSystem): Promise<void> {
  await using storage = await openTestStorage(copy, booted.id);
  await applyRepair(storage);
}

async function expectSound(copy: TestSystem): Promise<void> {
  await using storage = await openTestStorage(copy, booted.id);
  const model = await buildRootModel(storage);
  const active = model.entries.filter(({ set }) => set === 'active');
  expect(active.map(({ deploymentId }) => deploymentId)).toEqual([booted.id, former.id]);
  expect(active.flatMap(({ missingFiles }) => missingFiles)).toEqual([]);
  for (const path of strangers) expect(existsSync(path.replace(system.directory, copy.directory))).toBe(true);
}

test('what is left half-done is told, then put right, and nothing else is touched', async () => {
  const copy = copySystem();
  damage(copy);
  const before = await plan(copy);
  const named = new Map([
    [booted.id, 'BOOTED'],
    [lost.id, 'LOST'],
    [lost.manifestDigest, 'IMAGE'],
    [copy.directory, ''],
  ]);
  let text = formatRepair(before, { isApplied: false }).join('\n');
  for (const [from, to] of named) text = text.replaceAll(from, to);
  await expect(`${text}\n`).toMatchFileSnapshot('golden/repair.txt');
  expect(await plan(copy)).toEqual(before);
  await apply(copy);
  await expectSound(copy);
  expect(await plan(copy)).toEqual({ steps: [], problems: [] });
  expect(formatRepair(await plan(copy), { isApplied: false })).toEqual(['Nothing to repair']);
  expect(existsSync(deploymentPaths(copy.physicalRoot, lost.id).directory)).toBe(false);
});

test('an update that is staged is no leftover', async () => {
  const copy = copySystem();
  writeEntrySet(copy, 'entries.staged', [lost, booted]);
  recordStaged(copy, lost);
  expect(await plan(copy)).toEqual({ steps: [], problems: [] });
});

test('with an entry that cannot be read nothing is removed but what was being written', async () => {
  const copy = copySystem();
  damage(copy);
  writeFileSync(join(copy.boot.espDirectory, 'loader/entries/bootc_test-9-1.conf'), 'torn');
  const { steps, problems } = await plan(copy);
  expect(steps.filter((step) => !step.endsWith('it was being written'))).toEqual([]);
  expect(problems.join('\n')).toContain('bootc_test-9-1.conf');
  await apply(copy);
  await expectSound(copy);
  expect(existsSync(deploymentPaths(copy.physicalRoot, lost.id).directory)).toBe(true);
});

// Every step is synced, which takes its time on a busy disk.
test('wherever it is stopped, the system is sound, and the next repair finishes', { timeout: 120_000 }, async () => {
  let copy = copySystem();
  const stops = await stopAtEveryMutation({
    prepare: () => {
      copy = copySystem();
      damage(copy);
    },
    act: () => apply(copy),
    async afterStop() {
      await expectSound(copy);
      await apply(copy);
      await expectSound(copy);
      expect((await plan(copy)).steps).toEqual([]);
    },
  });
  expect(stops.length).toBeGreaterThan(20);
});

test('a kernel that is damaged is restored from the image of its deployment', async () => {
  const copy = copySystem();
  const folder = join(copy.boot.espDirectory, `EFI/Linux/bootc_composefs-${booted.id}`);
  const { origin } = deploymentPaths(copy.physicalRoot, booted.id);
  const digest = await computeBootDigest([Buffer.from('kernel 1')], [Buffer.from('initrd')]);
  writeFileSync(origin, readFileSync(origin, 'utf8').replace('digest = 00', `digest = ${digest}`));
  const restorations = async (withContents: boolean): Promise<string[]> => {
    await using storage = await openTestStorage(copy, booted.id);
    const { steps } = await planRepair(storage, { withContents });
    return steps.filter((step) => step.startsWith('restore'));
  };
  const restored = [`restore ${folder} from the image of its deployment`];

  // Not what was recorded: seen only when all kernels are read.
  writeFileSync(join(folder, 'vmlinuz'), 'kernel X');
  expect(await restorations(false)).toEqual([]);
  expect(await restorations(true)).toEqual(restored);
  rmSync(join(folder, 'initrd'));
  expect(await restorations(false)).toEqual(restored);
  await apply(copy);
  expect(readFileSync(join(folder, 'vmlinuz'), 'utf8')).toBe('kernel 1');
  expect(readFileSync(join(folder, 'initrd'), 'utf8')).toBe('initrd');
  expect(await restorations(true)).toEqual([]);

  // Where the image has another kernel than was recorded, nobody knows.
  writeFileSync(origin, readFileSync(origin, 'utf8').replace(digest, 'f'.repeat(64)));
  expect(await restorations(true)).toEqual([]);
});
