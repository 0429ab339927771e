import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { openRepository, tagImage, untagImage } from '@workbench/composefs';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { computeBootDigest } from '../boot/boot-digest.ts';
import { deploymentTag } from '../deployment/deployment-tag.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { collectSystemGarbage } from '../gc/collect.ts';
import {
  bootableFiles,
  deploy,
  makeTestSystem,
  openTestStorage,
  type TestDeployment,
  type TestSystem,
  writeEntrySet,
  writeImageLayout,
} from '../storage/test-system.testing.ts';
import { applyRepair, planRepair, type RepairPlan } from './repair.ts';

const systems: TestSystem[] = [];
afterAll(() => {
  for (const { directory } of systems) rmSync(directory, { recursive: true });
});
let system: TestSystem;
let booted: TestDeployment;
let former: TestDeployment;
let origin: string;

beforeEach(async () => {
  system = await makeTestSystem();
  systems.push(system);
  const layout = (version: string): string =>
    writeImageLayout(join(system.directory, `image-${version}`), bootableFiles(version, `kernel ${version}`));
  booted = await deploy(system, layout('1'));
  former = await deploy(system, layout('2'));
  writeEntrySet(system, 'entries', [booted, former]);
  await using storage = await openTestStorage(system, booted.id);
  await applyRepair(storage);
  origin = deploymentPaths(system.physicalRoot, former.id).origin;
  rmSync(origin);
});

async function plan(): Promise<RepairPlan> {
  await using storage = await openTestStorage(system, booted.id);
  return await planRepair(storage);
}

async function apply(): Promise<void> {
  await using storage = await openTestStorage(system, booted.id);
  await applyRepair(storage);
}

test('an origin that is lost is restored but for the reference, wherever that is stopped', async () => {
  const lines = [
    '[boot]',
    'boot_type = bls',
    `digest = ${await computeBootDigest([Buffer.from('kernel 2')], [Buffer.from('initrd')])}`,
    '',
    '[image]',
    `manifest_digest = ${former.manifestDigest}`,
    '',
  ];
  const planned = await plan();
  expect(planned.problems).toEqual([]);
  expect(planned.steps[0]).toContain(
    `restore the origin of deployment ${former.id} from its image ${former.manifestDigest}`,
  );
  const stops = await stopAtEveryMutation({
    prepare: () => {
      rmSync(origin, { force: true });
      rmSync(join(dirname(origin), `.${basename(origin)}.new`), { force: true });
    },
    act: apply,
    afterStop: () => {
      if (existsSync(origin)) expect(readFileSync(origin, 'utf8')).toBe(lines.join('\n'));
    },
  });
  expect(stops.slice(0, 5)).toEqual(['create', 'write', 'fsync', 'rename', 'fsync']);
  expect(readFileSync(origin, 'utf8')).toBe(lines.join('\n'));
  expect(await plan()).toEqual({ steps: [], problems: [] });
});

test('what is restored outlives garbage collections in between', async () => {
  {
    await using storage = await openTestStorage(system, booted.id);
    await collectSystemGarbage(storage, { isDryRun: false, onlyBootFiles: false });
  }
  await apply();
  expect(readFileSync(origin, 'utf8')).toContain(former.manifestDigest);
});

test('nothing is made up where the image is not known for certain', async () => {
  {
    await using repository = await openRepository(system.repositoryPath);
    await untagImage(repository, deploymentTag(former.manifestDigest));
    await tagImage(repository, 'localhost/other', former.manifestDigest);
  }
  const missing = `deployment ${former.id} has no origin file, and no image with a tag localhost/bootc-… made it`;
  expect(await plan()).toEqual({ steps: [], problems: [missing] });
  await apply();
  expect(existsSync(origin)).toBe(false);
});

test('an origin that is there is not replaced, whatever it holds', async () => {
  writeFileSync(origin, 'torn');
  expect((await plan()).steps).toEqual([]);
  await apply();
  expect(readFileSync(origin, 'utf8')).toBe('torn');
});
