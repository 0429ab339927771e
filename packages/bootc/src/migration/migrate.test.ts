import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { observeMutations } from '../../../composefs/src/durable/seam.ts';
import { hasLegacyBootNames, hasLegacyRecords } from '../storage/legacy-traces.ts';
import { type MockInstallation, makeFixtureInstallation, mockImageStore } from '../storage/mock-installation.ts';
import { lockOperations } from '../storage/operation-lock.ts';
import { bootedId, formerId, legacyLayouts, listFiles, makeLegacyInstallation } from './legacy-installation.testing.ts';
import { type MigrationSource, migrateStorage, planMigration } from './migrate.ts';

const fixtures = new URL('../../fixtures', import.meta.url).pathname;

function sourceOf(mock: MockInstallation): MigrationSource & MockInstallation {
  onTestFinished(() => rmSync(mock.directory, { recursive: true, force: true }));
  return { ...mock, openRepository: () => Promise.reject(new Error('no repository is needed')) };
}

describe.each(readdirSync(fixtures).filter((name) => name.startsWith('peer-')))('%s', (name) => {
  test('what is planned', async () => {
    const source = sourceOf(makeFixtureInstallation(join(fixtures, name), mockImageStore({})));
    const report = await planMigration(source);
    const text = [...report.changes, ...report.problems.map((problem) => `problem: ${problem}`), '']
      .join('\n')
      .replaceAll(source.directory, '');
    await expect(text).toMatchFileSnapshot(`golden/${name}.txt`);
    const isPlanned = report.changes.length + report.problems.length > 0;
    const hasTraces = (await hasLegacyBootNames(source.boot)) || (await hasLegacyRecords(source.physicalRoot));
    expect(hasTraces || !isPlanned).toBe(true);
  });

  test('what is done is what was planned, and nothing is left to do', async () => {
    const source = sourceOf(makeFixtureInstallation(join(fixtures, name), mockImageStore({})));
    const planned = await planMigration(source);
    expect(await migrateStorage(source)).toEqual(planned);
    using _ = observeMutations(({ name: call, path }) => expect.fail(`${call} ${path}`));
    expect((await migrateStorage(source)).changes).toEqual([]);
    const isWaiting = planned.problems.some((problem) => problem.includes('staged update'));
    expect(await hasLegacyBootNames(source.boot)).toBe(isWaiting);
  });
});

test('the entries become those that another version made of them', async () => {
  const id =
    '9382c6dc04abe8759417965806fea7d9b5e3c5c7cea1301ddf8162634e0e61a2bb59c22abdab35ff8057b911c61a2ab1d9ba3e8d6fbda172dd86413ce9e979ba';
  const source = sourceOf(makeFixtureInstallation(join(fixtures, 'peer-old-3-switched'), mockImageStore({})));
  await migrateStorage(source);
  const ours = readFileSync(join(source.boot.bootDirectory, `loader/entries/bootc_debian-${id}-1.conf`), 'utf8');
  const theirs = readFileSync(
    join(fixtures, 'peer-mixed-1-new-booted-on-legacy/files/esp/loader/entries', `bootc_debian-${id}-0.conf`),
    'utf8',
  );
  // There it had become the second one, by a switch in between.
  expect(ours).toBe(theirs.replace('sort-key bootc-debian-1', 'sort-key bootc-debian-0'));
  expect(readlinkSync(join(source.physicalRoot, 'ostree/bootc'))).toBe('../composefs/bootc');
});

test.each(legacyLayouts)('%s: ten at once do it once', async (layout) => {
  const entries = [bootedId, formerId].map((id) => ({ deploymentId: id, artifact: id }));
  const source = sourceOf(makeLegacyInstallation(layout, entries));
  const alone = sourceOf(makeLegacyInstallation(layout, entries));
  for (const { physicalRoot } of [source, alone]) mkdirSync(join(physicalRoot, 'composefs'), { recursive: true });
  await migrateStorage(alone);
  const reports = await Promise.all(
    Array.from({ length: 10 }, async () => {
      using _lock = await lockOperations(source.root);
      return await migrateStorage(source);
    }),
  );
  expect(reports.filter(({ changes }) => changes.length > 0)).toHaveLength(1);
  expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
  rmSync(join(source.root, 'run'), { recursive: true });
  expect(listFiles(source.directory)).toEqual(listFiles(alone.directory));
});

test('a folder where the link would be stays as it is', async () => {
  const source = sourceOf(makeFixtureInstallation(join(fixtures, 'peer-old-1-installed'), mockImageStore({})));
  const storage = join(source.physicalRoot, 'ostree/bootc/storage');
  mkdirSync(storage, { recursive: true });
  writeFileSync(join(storage, 'overlay-images'), '');
  const report = await migrateStorage(source);
  expect(report.problems).toEqual([]);
  expect(report.changes.join()).not.toContain('ostree/bootc');
  expect(readdirSync(storage)).toEqual(['overlay-images']);
});

test('a part that fails is told, and the others are done', async () => {
  const source = sourceOf(makeFixtureInstallation(join(fixtures, 'peer-old-1-installed'), mockImageStore({})));
  {
    using _ = observeMutations(({ name }) => {
      if (name === 'exchange') throw new Error('the disk is gone');
    });
    const report = await migrateStorage(source);
    expect(report.problems).toEqual(['the disk is gone']);
    expect(report.changes).toEqual(['make the link ostree/bootc']);
  }
  expect((await migrateStorage(source)).problems).toEqual([]);
});
