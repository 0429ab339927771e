import { cpSync, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { importImage, listTags, openRepository } from '@workbench/composefs';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { observeMutations } from '../../../composefs/src/durable/seam.ts';
import { stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { deploymentTag } from '../deployment/deployment-tag.ts';
import { legacyLayouts } from '../migration/legacy-installation.testing.ts';
import { migrateStorage } from '../migration/migrate.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { hasLegacyBootNames, hasLegacyRecords } from '../storage/legacy-traces.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { bootableFiles, openTestStorage, type TestSystem, writeImageLayout } from '../storage/test-system.testing.ts';
import { makeLegacySystem } from './legacy-system.testing.ts';
import { applyRepair, formatRepair, planRepair, type RepairPlan } from './repair.ts';

// In memory where there is such a file system: every stop syncs, and only the order of things counts here.
if (existsSync('/dev/shm')) vi.stubEnv('TMPDIR', '/dev/shm');
const folder = dirSync({ unsafeCleanup: true, ...(existsSync('/dev/shm') ? { tmpdir: '/dev/shm' } : {}) });
afterAll(() => folder.removeCallback());

/** Everything below a folder: path to content of a file, target of a link, nothing of a folder. */
function snapshot(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const path = join(directory, name);
      const stats = lstatSync(path);
      if (stats.isSymbolicLink()) return [name, readlinkSync(path)];
      return [name, stats.isDirectory() ? '' : readFileSync(path, 'latin1')];
    }),
  );
}

// All of it: names of boot files, the record of the image that is in the repository, and the link to the container storage.
describe.each(legacyLayouts)('%s', { timeout: 300_000 }, (layout) => {
  let template: TestSystem;
  let bootedId = '';
  let manifestDigest = '';

  beforeAll(async () => {
    const source = writeImageLayout(join(folder.name, layout), bootableFiles('1'));
    const system = await makeLegacySystem(layout, source);
    bootedId = system.booted.id;
    template = system;
    await using repository = await openRepository(system.repositoryPath);
    ({ manifestDigest } = await importImage(repository, source, { bootable: true, tag: 'localhost/os' }));
    return () => rmSync(system.directory, { recursive: true });
  });

  function makeCopy(): TestSystem {
    const directory = join(folder.name, `${layout}-copy`);
    rmSync(directory, { recursive: true, force: true });
    cpSync(template.directory, directory, { recursive: true, verbatimSymlinks: true });
    const moved = (path: string): string => path.replace(template.directory, directory);
    const { boot } = template;
    return {
      ...template,
      directory,
      root: moved(template.root),
      physicalRoot: moved(template.physicalRoot),
      repositoryPath: moved(template.repositoryPath),
      boot: { ...boot, bootDirectory: moved(boot.bootDirectory), espDirectory: moved(boot.espDirectory) },
    };
  }

  async function use<T>(system: TestSystem, action: (storage: BootedStorage) => Promise<T>): Promise<T> {
    await using storage = await openTestStorage(system, bootedId);
    return await action(storage);
  }

  /** What must hold at all times: the deployment boots, it is known which image it is of, and what its origin names is kept. */
  async function expectSound(system: TestSystem): Promise<void> {
    await use(system, async (storage) => {
      const model = await buildRootModel(storage);
      const active = model.entries.filter(({ set }) => set === 'active');
      expect(active.map(({ deploymentId }) => deploymentId)).toEqual([bootedId]);
      const { origin, image, problems } = model.deployments.get(bootedId)!;
      expect(problems).toEqual([]);
      expect(image).toMatchObject({ manifestDigest, isStored: true });
      const tags = await listTags(await storage.openRepository());
      if (origin?.manifestDigest !== undefined) expect(tags.get(deploymentTag(manifestDigest))).toBe(manifestDigest);
    });
  }

  const migrate = (system: TestSystem) => use(system, migrateStorage);
  const repairPlan = (system: TestSystem): Promise<RepairPlan> => use(system, (storage) => planRepair(storage));

  test('wherever it is stopped, the system is sound, and the next run finishes', async () => {
    let system = makeCopy();
    expect(await migrate(system)).toMatchObject({ problems: [] });
    const result = snapshot(system.directory);
    expect(await repairPlan(system)).toEqual({ steps: [], problems: [] });
    const stops = await stopAtEveryMutation({
      prepare: () => {
        system = makeCopy();
      },
      act: () => migrate(system),
      async afterStop() {
        await expectSound(system);
        const isFound = (await hasLegacyBootNames(system.boot)) || (await hasLegacyRecords(system.physicalRoot));
        expect(isFound || JSON.stringify(snapshot(system.directory)) === JSON.stringify(result)).toBe(true);
        expect(await migrate(system)).toMatchObject({ problems: [] });
        await expectSound(system);
        expect(snapshot(system.directory)).toEqual(result);
      },
    });
    // Each part has some: names, record and tag, link.
    for (const name of ['exchange', 'rename', 'symlink', 'syncfs'] as const) expect(stops).toContain(name);
    expect(stops.length).toBeGreaterThan(40);
  });

  test('run again, it changes nothing', async () => {
    const system = makeCopy();
    await migrate(system);
    const before = snapshot(system.directory);
    {
      using _ = observeMutations(({ name, path }) => expect.fail(`${name} ${path}`));
      expect(await migrate(system)).toEqual({ changes: [], problems: [] });
    }
    expect(snapshot(system.directory)).toEqual(before);
    expect(await hasLegacyBootNames(system.boot)).toBe(false);
    expect(await hasLegacyRecords(system.physicalRoot)).toBe(false);
  });

  test.each(['exchange', 'rmdir', 'unlink', 'symlink'])(
    'stopped at %s, a repair tells what is left, and does it',
    async (at) => {
      const system = makeCopy();
      let isStopped = false;
      {
        using _ = observeMutations(({ name }) => {
          isStopped ||= name === at;
          if (isStopped) throw new Error('stopped');
        });
        await migrate(system);
      }
      const told = formatRepair(await repairPlan(system), { isApplied: false });
      if (isStopped) expect(told.at(-1)).toMatch(/^[1-9][0-9]* step\(s\) to do/);
      await use(system, (storage) => applyRepair(storage));
      await expectSound(system);
      expect(await repairPlan(system)).toEqual({ steps: [], problems: [] });
      expect(await migrate(system)).toEqual({ changes: [], problems: [] });
    },
  );
});
