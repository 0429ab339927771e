import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { observeMutations } from '../../../composefs/src/durable/seam.ts';
import { stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { formatStagedDeployment } from '../deployment/staged-deployment.ts';
import { scanBootArtifacts } from '../storage/boot-artifacts.ts';
import { scanBootEntries } from '../storage/boot-entries.ts';
import type { MockInstallation } from '../storage/mock-installation.ts';
import { describeBootNames, isDone, planBootNames } from './boot-name-plan.ts';
import { migrateBootNames } from './boot-names.ts';
import {
  bootedId,
  formerId,
  goneId,
  type LegacyEntry,
  type LegacyLayout,
  legacyLayouts,
  listFiles,
  makeLegacyInstallation,
  writeEntries,
} from './legacy-installation.testing.ts';

const twoKernels: LegacyEntry[] = [
  { deploymentId: bootedId, artifact: bootedId },
  { deploymentId: formerId, artifact: formerId },
];
// The booted deployment boots the kernel of the other one.
const sharedKernel: LegacyEntry[] = [
  { deploymentId: bootedId, artifact: formerId },
  { deploymentId: formerId, artifact: formerId },
];

function install(layout: LegacyLayout, entries: readonly LegacyEntry[]): MockInstallation {
  const mock = makeLegacyInstallation(layout, entries);
  onTestFinished(() => rmSync(mock.directory, { recursive: true, force: true }));
  return mock;
}

async function activeEntries(mock: MockInstallation) {
  const { managed } = await scanBootEntries(mock.boot);
  return managed.filter(({ set }) => set === 'active');
}

/** What must hold at all times: the same deployments in the same order, each with all it boots, and nothing of others changed. */
async function expectBootable(mock: MockInstallation, ids: readonly string[]): Promise<void> {
  const entries = await activeEntries(mock);
  expect(entries.map(({ deploymentId }) => deploymentId)).toEqual(ids);
  expect(entries.flatMap(({ missingFiles }) => missingFiles)).toEqual([]);
  if (existsSync(join(mock.boot.bootDirectory, 'loader'))) {
    expect(listFiles(join(mock.boot.bootDirectory, 'loader/entries'))['windows.conf']).toContain('# mine');
  }
}

// Every step is synced, which takes its time on a busy disk.
describe.each(legacyLayouts)('%s', { timeout: 120_000 }, (layout) => {
  const isBls = layout.endsWith('bls');

  test('everything gets the prefix, and is otherwise as it was', async () => {
    const mock = install(layout, twoKernels);
    const before = listFiles(mock.directory);
    await migrateBootNames(mock);
    const expected = Object.entries(before).map(([path, text]) => {
      const rename = (part: string): string =>
        part.replaceAll(/(Linux\/|bootc\/|boot\/)((?:b0|f1){64})/g, '$1bootc_composefs-$2');
      const content = /\.conf$|user\.cfg$/.test(path) ? rename(text) : text;
      return [rename(path), content];
    });
    expect(listFiles(mock.directory)).toEqual(Object.fromEntries(expected));
    await expectBootable(mock, [bootedId, formerId]);
    expect((await scanBootArtifacts(mock.boot)).every(({ hasPrefix }) => hasPrefix)).toBe(true);
  });

  test('wherever it is stopped, every entry is whole, and the next run finishes', async () => {
    const entries = isBls ? sharedKernel : twoKernels;
    const ids = entries.map(({ artifact, deploymentId }) => (isBls ? deploymentId : artifact));
    const whole = install(layout, entries);
    await migrateBootNames(whole);
    const result = listFiles(whole.directory);
    let mock = whole;
    const stops = await stopAtEveryMutation({
      prepare: () => {
        mock = install(layout, entries);
      },
      act: () => migrateBootNames(mock),
      async afterStop() {
        await expectBootable(mock, ids);
        await migrateBootNames(mock);
        await expectBootable(mock, ids);
        expect(listFiles(mock.directory)).toEqual(result);
      },
    });
    expect(stops.length).toBeGreaterThan(12);
    expect(stops.filter((name) => name === 'exchange')).toHaveLength(isBls ? 1 : 2);
  });

  test('when a call fails, every entry is whole, and the next run finishes', async () => {
    for (let index = 0; ; index++) {
      const code = index % 2 === 0 ? 'ENOSPC' : 'EIO';
      const mock = install(layout, twoKernels);
      let count = 0;
      let isHit = false;
      {
        using _ = observeMutations(() => {
          if (count++ !== index) return;
          isHit = true;
          throw Object.assign(new Error(code), { code });
        });
        await migrateBootNames(mock).catch((error: unknown) => expect(error).toMatchObject({ code }));
      }
      await expectBootable(mock, [bootedId, formerId]);
      await migrateBootNames(mock);
      await expectBootable(mock, [bootedId, formerId]);
      expect(isDone(await planBootNames(mock))).toBe(true);
      if (!isHit) break;
    }
  });

  test('a second run changes nothing', async () => {
    const mock = install(layout, twoKernels);
    await migrateBootNames(mock);
    const before = listFiles(mock.directory);
    using _ = observeMutations(({ name, path }) => {
      throw new Error(`${name} ${path}`);
    });
    expect(isDone(await migrateBootNames(mock))).toBe(true);
    expect(listFiles(mock.directory)).toEqual(before);
  });

  test('what has the prefix already is kept', async () => {
    const mock = install(layout, [
      { deploymentId: bootedId, artifact: bootedId },
      { deploymentId: formerId, artifact: formerId, hasPrefix: true },
    ]);
    await migrateBootNames(mock);
    await expectBootable(mock, [bootedId, formerId]);
    expect(isDone(await planBootNames(mock))).toBe(true);
  });

  test('what another version has renamed without changing the entries is finished', async () => {
    const mock = install(layout, twoKernels);
    for (const artifact of await scanBootArtifacts(mock.boot)) {
      for (const path of artifact.paths) {
        renameSync(path, join(dirname(path), `bootc_composefs-${path.slice(dirname(path).length + 1)}`));
      }
    }
    expect((await activeEntries(mock)).flatMap(({ missingFiles }) => missingFiles)).not.toEqual([]);
    await migrateBootNames(mock);
    await expectBootable(mock, [bootedId, formerId]);
    expect(isDone(await planBootNames(mock))).toBe(true);
  });

  test('a staged update is not touched, and everything waits for the next boot', async () => {
    const mock = install(layout, twoKernels);
    const entries = [{ deploymentId: goneId, artifact: goneId }, twoKernels[0]!];
    writeEntries(mock, layout, { entries, set: 'staged' });
    mkdirSync(join(mock.root, 'run/composefs'), { recursive: true });
    writeFileSync(
      join(mock.root, 'run/composefs/staged-deployment'),
      formatStagedDeployment({ deploymentId: goneId, isFinalizationLocked: false }),
    );
    const before = listFiles(mock.directory);
    expect((await migrateBootNames(mock)).isPostponed).toBe(true);
    expect(listFiles(mock.directory)).toEqual(before);
    // The record lives until the next boot.
    rmSync(join(mock.root, 'run/composefs'), { recursive: true });
    await migrateBootNames(mock);
    await expectBootable(mock, [bootedId, formerId]);
    expect(existsSync(join(mock.boot.bootDirectory, 'loader/entries.staged'))).toBe(false);
    expect(existsSync(join(mock.boot.bootDirectory, 'grub2/user.cfg.staged'))).toBe(false);
  });

  test('a name that something else has is left alone, and told', async () => {
    const mock = install(layout, [twoKernels[0]!]);
    const [artifact] = await scanBootArtifacts(mock.boot);
    const path = artifact!.paths[0]!;
    const other = join(dirname(path), `bootc_composefs-${path.slice(dirname(path).length + 1)}`);
    if (isBls) {
      mkdirSync(other);
      for (const name of ['vmlinuz', 'initrd']) writeFileSync(join(other, name), 'other');
    } else {
      writeFileSync(other, 'other');
    }
    const before = listFiles(mock.directory);
    const plan = await migrateBootNames(mock);
    expect(plan.problems.join()).toContain('is something else');
    expect(listFiles(mock.directory)).toEqual(before);
  });

  test('a kernel that no entry names is renamed, so that the garbage collector knows it', async () => {
    const mock = install(layout, [...twoKernels, { deploymentId: goneId, artifact: goneId }]);
    writeEntries(mock, layout, { entries: twoKernels, set: 'active' });
    if (layout !== 'grub-uki') rmSync(join(mock.boot.bootDirectory, 'loader/entries/bootc_debian-13--1.conf'));
    await migrateBootNames(mock);
    const artifacts = await scanBootArtifacts(mock.boot);
    expect(artifacts.map(({ name, hasPrefix }) => [name.slice(0, 2), hasPrefix])).toEqual([
      ['9e', true],
      ['b0', true],
      ['f1', true],
    ]);
  });

  test('the plan is told in lines', async () => {
    const mock = install(layout, twoKernels);
    const lines = describeBootNames(await planBootNames(mock)).map((line) => line.replaceAll(mock.directory, ''));
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`golden/plan-${layout}.txt`);
  });
});

test('an entry that cannot be read stops everything, since it may name any file', async () => {
  const mock = install('systemd-bls', twoKernels);
  writeFileSync(join(mock.boot.bootDirectory, 'loader/entries/bootc_debian-12-0.conf'), 'torn');
  const before = listFiles(mock.directory);
  expect((await migrateBootNames(mock)).problems).toHaveLength(1);
  expect(listFiles(mock.directory)).toEqual(before);
});

test('an entry of another name is renamed too', async () => {
  const mock = install('systemd-bls', twoKernels);
  const entries = join(mock.boot.bootDirectory, 'loader/entries');
  renameSync(join(entries, 'bootc_debian-13-0.conf'), join(entries, 'mine.conf'));
  await migrateBootNames(mock);
  await expectBootable(mock, [bootedId, formerId]);
  expect(readdirSync(join(mock.boot.bootDirectory, 'EFI/Linux'))).toEqual(
    [bootedId, formerId].map((id) => `bootc_composefs-${id}`),
  );
});

test('what another version took out of the menu and did not remove goes', async () => {
  const mock = install(
    'systemd-bls',
    twoKernels.map((entry) => ({ ...entry, hasPrefix: true })),
  );
  writeEntries(mock, 'systemd-bls', { entries: twoKernels, set: 'staged' });
  await migrateBootNames(mock);
  await expectBootable(mock, [bootedId, formerId]);
  expect(readdirSync(join(mock.boot.bootDirectory, 'loader'))).toEqual(['entries']);
});
