import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { observeMutations } from '../../../composefs/src/durable/seam.ts';
import { formatStagedDeployment } from '../deployment/staged-deployment.ts';
import { scanBootArtifacts } from '../storage/boot-artifacts.ts';
import { hasLegacyBootNames } from '../storage/legacy-traces.ts';
import { describeBootNames, isDone, planBootNames } from './boot-name-plan.ts';
import { expectBootable, install, twoKernels, withPrefix } from './boot-names.testing.ts';
import { migrateBootNames } from './boot-names.ts';
import { bootedId, formerId, goneId, legacyLayouts, listFiles, writeEntries } from './legacy-installation.testing.ts';

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
    const other = withPrefix(path);
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

test('a kernel folder on a /boot of its own is named from its root', async () => {
  const mock = install('grub-bls', twoKernels);
  mock.boot.bootIsMount = true;
  const entries = join(mock.boot.bootDirectory, 'loader/entries');
  for (const name of readdirSync(entries)) {
    const text = readFileSync(join(entries, name), 'utf8');
    writeFileSync(join(entries, name), text.replaceAll(' /boot/', ' /'));
  }
  expect(await hasLegacyBootNames(mock.boot)).toBe(true);
  await migrateBootNames(mock);
  await expectBootable(mock, [bootedId, formerId]);
  expect(readFileSync(join(entries, 'bootc_debian-13-1.conf'), 'utf8')).toContain(
    `linux /bootc_composefs-${bootedId}/vmlinuz`,
  );
  expect(await hasLegacyBootNames(mock.boot)).toBe(false);
});
