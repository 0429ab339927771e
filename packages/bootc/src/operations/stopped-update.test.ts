import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkRepository, observeMutations } from '@workbench/composefs';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { failEveryMutation, stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { deploymentPaths, stagedRecord } from '../deployment/state-paths.ts';
import { assertNoOp, collectSystemGarbage } from '../gc/collect.ts';
import { buildHostDocument } from '../status/build-host-document.ts';
import { buildRootModel, type RootModel } from '../storage/root-model.ts';
import { bootableFiles, writeImageLayout } from '../storage/test-system.testing.ts';
import { finalizeStaged } from './finalize.ts';
import { switchTo } from './switch.ts';
import { makeUpdateSystem, recordingEnvironment, targetOf, type UpdateSystem } from './update-system.testing.ts';

// In memory where there is such a file system: every stop syncs, and only the order of things counts here.
if (existsSync('/dev/shm')) vi.stubEnv('TMPDIR', '/dev/shm');
const folder = dirSync({ unsafeCleanup: true, tmpdir: process.env.TMPDIR ?? tmpdir() });
let system: UpdateSystem;
let second: string;
let third: string;

/** Keeps the system as it is now; what it returns brings it back. */
function keep(name: string): () => void {
  const kept = join(folder.name, name);
  const copy = (from: string, to: string) =>
    cpSync(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  copy(system.directory, kept);
  return () => {
    rmSync(system.directory, { recursive: true });
    copy(kept, system.directory);
  };
}

beforeAll(async () => {
  const files = bootableFiles('1');
  system = await makeUpdateSystem(writeImageLayout(join(folder.name, '1'), files));
  second = writeImageLayout(join(folder.name, '2'), { ...bootableFiles('2', 'second kernel'), 'etc/new/file': 'x' });
  third = writeImageLayout(join(folder.name, '3'), bootableFiles('3', 'third kernel'));
});
afterAll(() => {
  rmSync(system.directory, { recursive: true });
  folder.removeCallback();
});

const stage = (source: string) => system.use((storage) => switchTo(storage, targetOf(source), recordingEnvironment()));
const finalize = () => system.use(finalizeStaged);

/** What the loader boots by default; makes sure that this is whole, and that status answers. */
function inspect(): Promise<{ model: RootModel; defaultId: string }> {
  return system.use(async (storage) => {
    const model = await buildRootModel(storage);
    const document = buildHostDocument(model, { mounts: [], isReadOnly: false, isSelinuxEnabled: false });
    expect(document.status.booted?.composefs.verity).toBe(system.booted.id);
    const first = model.entries.find((entry) => entry.set === 'active')!;
    const deployment = model.deployments.get(first.deploymentId)!;
    expect(deployment.problems).toEqual([]);
    expect(deployment.hasState).toBe(true);
    expect(await storage.images.hasErofsImage(deployment.id)).toBe(true);
    return { model, defaultId: deployment.id };
  });
}

async function expectClean(): Promise<void> {
  await system.use(async (storage) => {
    await collectSystemGarbage(storage, { isDryRun: false, onlyBootFiles: false });
    assertNoOp(await collectSystemGarbage(storage, { isDryRun: true, onlyBootFiles: false }));
    expect((await checkRepository(await storage.openRepository())).errors).toEqual([]);
  });
}

describe('staging', () => {
  let stagedId: string;
  const completes = async (source: string): Promise<void> => {
    const { model, defaultId } = await inspect();
    expect(defaultId).toBe(system.booted.id);
    // If something is staged it is whole.
    const staged = model.staged && model.deployments.get(model.staged.deploymentId);
    if (staged !== undefined) expect(staged.problems).toEqual([]);
    const id = await stage(source);
    expect((await inspect()).model.staged?.deploymentId).toBe(id);
    stagedId ??= id!;
    expect(id).toBe(stagedId);
    await expectClean();
  };

  test('is stopped at every mutation', { timeout: 600_000 }, async () => {
    const restore = keep('before-staging');
    const stops = await stopAtEveryMutation({
      prepare: restore,
      act: () => stage(second),
      afterStop: () => completes(second),
    });
    console.log(`staging: stopped at ${stops.length} mutations`);
    expect(stops.length).toBeGreaterThan(60);
    restore();
  });

  test('writes in the order in which nothing names what is not on disk yet', async () => {
    const restore = keep('before-order');
    const seen: string[] = [];
    let id: string | undefined;
    {
      using _ = observeMutations(({ name, path }) => void seen.push(`${name} ${path.replace(system.directory, '')}`));
      id = await stage(second);
    }
    const steps = [
      `rename /root/sysroot/state/deploy/${id}/${id}.origin`,
      'syncfs /root/sysroot',
      `mkdir /esp/EFI/Linux/bootc_composefs-${id}.new`,
      'syncfs /esp',
      `rename /esp/EFI/Linux/bootc_composefs-${id}`,
      'syncfs /esp',
      'mkdir /esp/loader/entries.staged',
      'syncfs /esp',
      'rename /root/run/composefs/staged-deployment',
    ];
    const places: number[] = [];
    for (const step of steps) places.push(seen.indexOf(step, (places.at(-1) ?? -1) + 1));
    expect(steps.filter((_, index) => places[index] === -1)).toEqual([]);
    // Nothing more of the deployment is written once its entry may be.
    const [synced, begun, recorded] = [places[1]!, places[2]!, places.at(-1)];
    expect(seen.slice(synced + 1, begun).filter((line) => line.includes('/esp/loader'))).toEqual([]);
    expect(seen.slice(begun, recorded).filter((line) => line.includes('/root/sysroot'))).toEqual([]);
    restore();
  });

  test.each(['ENOSPC', 'EIO'])('%s at every mutation', { timeout: 600_000 }, async (code) => {
    const restore = keep(`before-${code}`);
    const failures = await failEveryMutation({
      code,
      prepare: restore,
      act: () => stage(second),
      afterFailure: () => completes(second),
    });
    expect(failures.length).toBeGreaterThan(60);
    restore();
  });

  test('another one in place of the first is stopped at every mutation', { timeout: 600_000 }, async () => {
    const restoreNone = keep('none-staged');
    const first = await stage(second);
    const restore = keep('one-staged');
    let replaced: string | undefined;
    const stops = await stopAtEveryMutation({
      prepare: restore,
      act: () => stage(third),
      async afterStop() {
        const { model, defaultId } = await inspect();
        expect(defaultId).toBe(system.booted.id);
        const staged = model.staged && model.deployments.get(model.staged.deploymentId);
        if (staged !== undefined) expect(staged.problems).toEqual([]);
        const id = await stage(third);
        replaced ??= id;
        expect(id).toBe(replaced);
        expect(id).not.toBe(first);
        await expectClean();
      },
    });
    console.log(`staging another: stopped at ${stops.length} mutations`);
    restoreNone();
  });
});

describe('finalizing', () => {
  let id: string;
  let restore: () => void;
  const record = () => join(system.root, stagedRecord.directory, stagedRecord.name);
  beforeAll(async () => {
    id = (await stage(second))!;
    writeFileSync(join(system.root, 'etc/local'), 'mine');
    writeFileSync(join(system.root, 'etc/hostname'), 'renamed');
    restore = keep('before-finalizing');
  });

  const expectOldOrNew = async (): Promise<string> => {
    const { defaultId } = await inspect();
    expect([system.booted.id, id]).toContain(defaultId);
    if (defaultId === id) {
      const { etc } = deploymentPaths(system.physicalRoot, id);
      expect(readFileSync(join(etc, 'local'), 'utf8')).toBe('mine');
      expect(readFileSync(join(etc, 'hostname'), 'utf8')).toBe('renamed');
      expect(readFileSync(join(etc, 'new/file'), 'utf8')).toBe('x');
    }
    return defaultId;
  };
  const completes = async (): Promise<void> => {
    await expectOldOrNew();
    if (existsSync(record())) expect(await finalize()).toMatchObject({ kind: 'finalized' });
    expect(await expectOldOrNew()).toBe(id);
    expect(await finalize()).toEqual({ kind: 'nothing-staged' });
    await expectClean();
  };

  test('is stopped at every mutation', { timeout: 600_000 }, async () => {
    const stops = await stopAtEveryMutation({ prepare: restore, act: finalize, afterStop: completes });
    console.log(`finalizing: stopped at ${stops.length} mutations`);
    expect(stops.filter((name) => name === 'exchange')).toHaveLength(1);
    // Everything is on disk before the entries change.
    const at = stops.indexOf('exchange');
    expect(stops[at - 1]).toBe('syncfs');
    expect(stops.slice(0, at - 1)).toContain('syncfs');
  });

  test('the power is lost at every mutation: what was staged is not any more, and is staged again', {
    timeout: 600_000,
  }, async () => {
    await stopAtEveryMutation({
      prepare: restore,
      act: finalize,
      async afterStop() {
        rmSync(join(system.root, stagedRecord.directory), { recursive: true });
        if ((await expectOldOrNew()) === id) return;
        expect(await stage(second)).toBe(id);
        expect(await finalize()).toMatchObject({ kind: 'finalized' });
        expect(await expectOldOrNew()).toBe(id);
      },
    });
  });

  test.each(['ENOSPC', 'EIO'])('%s at every mutation', { timeout: 600_000 }, async (code) => {
    await failEveryMutation({ code, prepare: restore, act: finalize, afterFailure: completes });
  });
});
