import { mkdirSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { type MockInstallation, makeFixtureInstallation, mockImageStore } from '../storage/mock-installation.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { assertNoOp } from './collect.ts';
import { planSystemGc, type SystemGcPlan } from './plan.ts';
import { formatGcResult } from './report.ts';

const fixtures = new URL('../../fixtures', import.meta.url).pathname;
const bootedId =
  'b496ce97e245cc429d51b9495a39c92ae51fe69576e340bd0e5313cee0c43c18e3f857461c4c5a7b0aa8b90aafc1144c30dfb941aedb37845042bf5a04f1c30f';

function install(name: string): MockInstallation {
  const mock = makeFixtureInstallation(join(fixtures, name), mockImageStore({}));
  onTestFinished(() => rmSync(mock.directory, { recursive: true }));
  return mock;
}

// The tags are those that the fixture's repository has.
function tagsOf(mock: MockInstallation): Map<string, string> {
  const directory = join(mock.physicalRoot, 'composefs/streams/refs/oci');
  const names = (() => {
    try {
      return readdirSync(directory);
    } catch {
      return [];
    }
  })();
  return new Map(names.map((name) => [decodeURIComponent(name), name.slice(name.indexOf('sha256:'))]));
}

async function plan(mock: MockInstallation, missingImages: string[] = []): Promise<SystemGcPlan> {
  return planSystemGc(await buildRootModel(mock), {
    root: mock.root,
    physicalRoot: mock.physicalRoot,
    tags: tagsOf(mock),
    hasErofsImage: async (id) => !missingImages.includes(id),
  });
}

function describePlan(mock: MockInstallation, value: SystemGcPlan): string {
  const kept = value.kept.map(({ deploymentId, reason }) => `Kept ${deploymentId}: ${reason}`);
  const lines = formatGcResult({ isDryRun: true, system: { ...value, warnings: [] } });
  return `${[...kept, ...lines].join('\n')}\n`.replaceAll(mock.directory, '');
}

test.each([
  'peer-new-1-installed',
  'peer-new-2-staged',
  'peer-new-3-switched',
  'peer-new-4-rollback-queued',
  'peer-new-5-rolled-back',
  'peer-new-6-staged-third',
  'peer-new-7-third-booted-gc',
  'peer-old-3-switched',
])('%s: nothing is to be removed', async (name) => {
  const mock = install(name);
  const value = await plan(mock);
  expect(value.removals).toEqual([]);
  expect(value.toRemove).toEqual([]);
  assertNoOp({ isDryRun: true, system: value });
});

test('legacy deployments that were left behind are collected, their shared kernel is not', async () => {
  const mock = install('peer-mixed-1-new-booted-on-legacy');
  await expect(describePlan(mock, await plan(mock))).toMatchFileSnapshot('golden/mixed-1.txt');
});

test('what a staging that was cut short left behind', async () => {
  const mock = install('peer-new-6-staged-third');
  unlinkSync(join(mock.root, 'run/composefs/staged-deployment'));
  await expect(describePlan(mock, await plan(mock))).toMatchFileSnapshot('golden/cut-short.txt');
});

test('an entry whose deployment is gone goes too, with its kernel and the tag of its image', async () => {
  const mock = install('peer-new-7-third-booted-gc');
  rmSync(deploymentPaths(mock.physicalRoot, bootedId).directory, { recursive: true });
  await expect(describePlan(mock, await plan(mock))).toMatchFileSnapshot('golden/entry-without-state.txt');
});

test('a staged record for a deployment that is gone', async () => {
  const mock = install('peer-new-1-installed');
  mkdirSync(join(mock.root, 'run/composefs'), { recursive: true });
  const record = JSON.stringify({ depl_id: '0'.repeat(128), finalization_locked: false });
  writeFileSync(join(mock.root, 'run/composefs/staged-deployment'), record);
  expect((await plan(mock)).removals).toEqual([
    {
      kind: 'staged-record',
      path: join(mock.root, 'run/composefs/staged-deployment'),
      reason: `staged deployment ${'0'.repeat(128)} is incomplete`,
    },
  ]);
});

test('tags of others are left alone', async () => {
  const mock = install('peer-new-1-installed');
  const model = await buildRootModel(mock);
  const [live] = tagsOf(mock).entries();
  const value = await planSystemGc(model, {
    root: mock.root,
    physicalRoot: mock.physicalRoot,
    tags: new Map([live!, ['localhost/app:1', 'sha256:aa'], ['localhost/bootc-sha256:bb', 'sha256:bb']]),
    hasErofsImage: async () => true,
  });
  expect(value.toRemove).toEqual([{ name: 'localhost/bootc-sha256:bb', manifestDigest: 'sha256:bb' }]);
});

test('an own entry that cannot be read keeps everything', async () => {
  const mock = install('peer-new-6-staged-third');
  unlinkSync(join(mock.root, 'run/composefs/staged-deployment'));
  writeFileSync(join(mock.boot.bootDirectory, 'loader/entries/bootc_debian-1-0.conf'), 'title torn');
  const value = await plan(mock);
  expect(value.removals).toEqual([]);
  expect(value.warnings).toContain('boot entry bootc_debian-1-0.conf cannot be read, so nothing is removed');
});

const entriesOf = (mock: MockInstallation): string => join(mock.boot.bootDirectory, 'loader/entries');
test.each<[string, (mock: MockInstallation) => void, string]>([
  [
    'no entries at all',
    (mock) => rmSync(entriesOf(mock), { recursive: true }),
    'no boot entry leads to any deployment',
  ],
  [
    'no entry of the booted deployment',
    (mock) => {
      for (const name of readdirSync(entriesOf(mock))) {
        if (name.includes(bootedId)) unlinkSync(join(entriesOf(mock), name));
      }
    },
    'no boot entry leads to the booted deployment',
  ],
  [
    'no state of the booted deployment',
    (mock) => rmSync(deploymentPaths(mock.physicalRoot, bootedId).directory, { recursive: true }),
    'has no state folder',
  ],
  [
    'no kernel of the booted deployment',
    (mock) => unlinkSync(join(mock.boot.espDirectory, `EFI/Linux/bootc_composefs-${bootedId}/vmlinuz`)),
    'lacks /EFI/Linux/',
  ],
])('refused: %s', async (_, damage, why) => {
  const mock = install('peer-new-5-rolled-back');
  damage(mock);
  await expect(plan(mock)).rejects.toThrow(why);
  await expect(plan(mock)).rejects.toMatchObject({ code: 'GC_REFUSED' });
});

test('refused: the repository has not the image of the booted deployment', async () => {
  const mock = install('peer-new-5-rolled-back');
  await expect(plan(mock, [bootedId])).rejects.toThrow('no image of the booted deployment');
  const other = [...(await buildRootModel(mock)).deployments.keys()].find((id) => id !== bootedId)!;
  expect((await plan(mock, [other])).warnings).toContain(
    `the repository has no image of deployment ${other}, which therefore cannot boot`,
  );
});

test('--assert-no-op sums up what it found', async () => {
  const mock = install('peer-mixed-1-new-booted-on-legacy');
  const result = { isDryRun: true, system: await plan(mock) };
  expect(() => assertNoOp(result)).toThrow('--assert-no-op: GC would remove 1 paths');
});
