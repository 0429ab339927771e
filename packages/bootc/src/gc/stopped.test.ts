import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkRepository, importImage, listTags, openRepository } from '@workbench/composefs';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { failEveryMutation, stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { blsMenuName } from '../boot/bls-menu.ts';
import { kernelFolderName, kernelsDirectory } from '../boot/names.ts';
import { deploymentTag } from '../deployment/deployment-tag.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { buildHostDocument } from '../status/build-host-document.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
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
import { assertNoOp, collectSystemGarbage } from './collect.ts';

// In memory where there is such a file system: every stop syncs, and only the order of things counts here.
if (existsSync('/dev/shm')) vi.stubEnv('TMPDIR', '/dev/shm');
const folder = dirSync({ unsafeCleanup: true, tmpdir: process.env.TMPDIR ?? tmpdir() });
afterAll(() => folder.removeCallback());

const applicationTag = 'app/one';

/** A system with garbage of every kind beside what is in use. */
interface Littered {
  system: TestSystem;
  booted: TestDeployment;
  rollback: TestDeployment;
  /** Brings the garbage back. */
  restore(): void;
}

async function litter(bootloader: 'systemd' | 'grub'): Promise<Littered> {
  const system = await makeTestSystem({ bootloader });
  const image = (name: string) => writeImageLayout(join(folder.name, bootloader, name), bootableFiles(name));
  const [booted, rollback] = [await deploy(system, image('booted')), await deploy(system, image('rollback'))];
  const [stateless, entryless, givenUp] = [
    await deploy(system, image('stateless')),
    await deploy(system, image('entryless')),
    await deploy(system, image('given-up')),
  ];
  writeEntrySet(system, 'entries', [booted, rollback, stateless]);
  rmSync(deploymentPaths(system.physicalRoot, stateless.id).directory, { recursive: true });
  expect(existsSync(deploymentPaths(system.physicalRoot, entryless.id).directory)).toBe(true);
  writeEntrySet(system, 'entries.staged', [givenUp, booted]);
  recordStaged(system, { ...givenUp, id: '0'.repeat(128) });
  if (bootloader === 'grub') writeFileSync(join(system.boot.bootDirectory, 'loader/entries', blsMenuName), 'old');
  const unfinished = `${kernelFolderName('f'.repeat(128))}.new`;
  const kernels = kernelsDirectory(system.boot.bootDirectory, bootloader);
  mkdirSync(join(kernels, unfinished));
  writeFileSync(join(kernels, unfinished, 'vmlinuz'), 'half');
  {
    await using repository = await openRepository(system.repositoryPath);
    await importImage(repository, image('application'), { tag: applicationTag, bootable: false });
  }
  const kept = `${system.directory}.kept`;
  const copy = (from: string, to: string) => cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  copy(system.directory, kept);
  return {
    system,
    booted,
    rollback,
    restore: () => {
      rmSync(system.directory, { recursive: true });
      copy(kept, system.directory);
    },
  };
}

let systems: Record<'systemd' | 'grub', Littered>;
beforeAll(async () => {
  systems = { systemd: await litter('systemd'), grub: await litter('grub') };
});
afterAll(() => {
  for (const { system } of Object.values(systems)) {
    for (const path of [system.directory, `${system.directory}.kept`]) rmSync(path, { recursive: true });
  }
});

async function use<T>({ system, booted }: Littered, action: (storage: BootedStorage) => Promise<T>): Promise<T> {
  await using storage = await openTestStorage(system, booted.id);
  return await action(storage);
}

const collect = (littered: Littered) =>
  use(littered, (storage) => collectSystemGarbage(storage, { isDryRun: false, onlyBootFiles: false }));

/** Status works, no entry names what is gone, and what was in use is whole. */
async function expectSound(littered: Littered): Promise<void> {
  const { booted, rollback } = littered;
  await use(littered, async (storage) => {
    const model = await buildRootModel(storage);
    const { status } = buildHostDocument(model, { mounts: [], isReadOnly: false, isSelinuxEnabled: false });
    expect(status.booted?.composefs.verity).toBe(booted.id);
    expect(status).toMatchObject({ staged: null, rollbackQueued: false });
    const active = model.entries.filter((entry) => entry.set === 'active');
    expect(active.slice(0, 2).map((entry) => entry.deploymentId)).toEqual([booted.id, rollback.id]);
    expect(active.flatMap((entry) => entry.missingFiles)).toEqual([]);
    for (const { id } of [booted, rollback]) {
      expect(model.deployments.get(id)).toMatchObject({ hasState: true, problems: [] });
      expect(await storage.images.hasErofsImage(id)).toBe(true);
    }
    expect((await checkRepository(await storage.openRepository())).errors).toEqual([]);
  });
}

async function completes(littered: Littered): Promise<void> {
  const { booted, rollback } = littered;
  await expectSound(littered);
  await collect(littered);
  await expectSound(littered);
  await use(littered, async (storage) => {
    assertNoOp(await collectSystemGarbage(storage, { isDryRun: true, onlyBootFiles: false }));
    const model = await buildRootModel(storage);
    expect([...model.deployments.keys()].sort()).toEqual([booted.id, rollback.id].sort());
    expect(model.artifacts.map(({ name }) => name).sort()).toEqual([booted.id, rollback.id].sort());
    const tags = [...(await listTags(await storage.openRepository())).keys()];
    const own = [booted, rollback].map(({ manifestDigest }) => deploymentTag(manifestDigest));
    expect(tags.sort()).toEqual([applicationTag, ...own].sort());
  });
}

test.each(['systemd', 'grub'] as const)(
  'with %s, collecting garbage is stopped at every change of the disk',
  { timeout: 600_000 },
  async (bootloader) => {
    const littered = systems[bootloader];
    const stops = await stopAtEveryMutation({
      prepare: littered.restore,
      act: () => collect(littered),
      afterStop: () => completes(littered),
    });
    console.log(`collecting garbage with ${bootloader}: stopped at ${stops.length} mutations`);
    expect(stops.length).toBeGreaterThan(60);
    await completes(littered);
  },
);

test.each(['ENOSPC', 'EIO'])('every change of the disk fails once with %s', { timeout: 600_000 }, async (code) => {
  const littered = systems.systemd;
  const failures = await failEveryMutation({
    code,
    prepare: littered.restore,
    act: () => collect(littered),
    afterFailure: () => completes(littered),
  });
  expect(failures.length).toBeGreaterThan(60);
});
