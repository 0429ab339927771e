import { cpSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { type Mutation, observeMutations } from '../../../composefs/src/durable/seam.ts';
import { stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { blsMenuName, formatBlsMenu } from '../boot/bls-menu.ts';
import { hasLegacyBootNames } from '../storage/legacy-traces.ts';
import type { MockInstallation } from '../storage/mock-installation.ts';
import { isDone, planBootNames } from './boot-name-plan.ts';
import {
  activeEntries,
  expectBootable,
  install,
  pathsOfKernels,
  sharedKernel,
  twoKernels,
  withPrefix,
} from './boot-names.testing.ts';
import { migrateBootNames } from './boot-names.ts';
import { bootedId, formerId, legacyLayouts, listFiles, writeEntries } from './legacy-installation.testing.ts';

// In memory where there is such a file system: every stop syncs, and only the order of things counts here.
if (existsSync('/dev/shm')) vi.stubEnv('TMPDIR', '/dev/shm');

describe.each(legacyLayouts)('%s', { timeout: 120_000 }, (layout) => {
  // A unified kernel image is of one deployment.
  const cases = [['two kernels', twoKernels] as const, ['a shared kernel', sharedKernel] as const];
  test.each(cases.slice(0, layout.endsWith('bls') ? 2 : 1))(
    'wherever it is stopped with %s, every entry is whole, and the next run finishes',
    async (_, entries) => {
      const ids = entries.map(({ deploymentId }) => deploymentId);
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
          // Else nothing would look whether there is something to finish.
          if (!isDone(await planBootNames(mock))) expect(await hasLegacyBootNames(mock.boot)).toBe(true);
          await migrateBootNames(mock);
          await expectBootable(mock, ids);
          expect(listFiles(mock.directory)).toEqual(result);
          expect(await hasLegacyBootNames(mock.boot)).toBe(false);
        },
      });
      expect(stops.length).toBeGreaterThan(40);
      expect(stops.filter((name) => name === 'exchange')).toHaveLength(
        new Set(entries.map(({ artifact }) => artifact)).size,
      );
    },
  );

  test.each([
    ['no copy is there', false],
    ['copies are there that nobody synced', true],
  ])('copies are on disk before the entries change, and these before the old names go: %s', async (_, hasCopies) => {
    const mock = install(layout, twoKernels);
    if (hasCopies) for (const path of await pathsOfKernels(mock)) cpSync(path, withPrefix(path), { recursive: true });
    const calls: Mutation[] = [];
    {
      using _observer = observeMutations((call) => void calls.push(call));
      await migrateBootNames(mock);
    }
    const files = layout === 'grub-bls' ? mock.boot.bootDirectory : mock.boot.espDirectory;
    const isCopying = ({ name, path }: Mutation): boolean => name !== 'fsync' && /\/bootc_composefs-[^/]+/.test(path);
    const isRemoval = ({ name, path }: Mutation): boolean =>
      (name === 'unlink' || name === 'rmdir') && /\/[0-9a-f]{128}(\.efi|\/|$)/.test(path);
    const exchanges = calls.flatMap(({ name }, index) => (name === 'exchange' ? [index] : []));
    expect(exchanges).toHaveLength(twoKernels.length);
    for (const [count, at] of exchanges.entries()) {
      const before = calls.slice(0, at);
      const copied = before.slice(Math.max(before.findLastIndex(isCopying), exchanges[count - 1] ?? -1) + 1);
      expect(copied.some(({ name, path }) => name === 'syncfs' && path.startsWith(files))).toBe(true);
      // Whose entries have changed already.
      const ids = before.filter(isRemoval).map(({ path }) => /[0-9a-f]{128}/.exec(path)![0]);
      expect(new Set(ids).size).toBe(count);
      const after = calls.slice(at + 1);
      const removal = after.findIndex(isRemoval);
      const synced = after.slice(0, removal).map(({ name }) => name);
      expect(after[0]).toEqual({ name: 'fsync', path: dirname(calls[at]!.path) });
      expect(synced).toContain(layout === 'grub-uki' ? 'fsync' : 'syncfs');
    }
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

  // It writes the entries anew as the staged ones, renames one thing after the other, and exchanges the entries in the end.
  test.each(['forwards', 'backwards'])(
    'wherever another version was stopped that renames %s, it is finished',
    async (way) => {
      const whole = install(layout, twoKernels);
      await migrateBootNames(whole);
      const result = listFiles(whole.directory);
      for (let count = 0; ; count++) {
        const mock = install(layout, twoKernels);
        const entries = twoKernels.map((entry) => ({ ...entry, hasPrefix: true }));
        writeEntries(mock, layout, { entries, set: 'staged' });
        const paths = await pathsOfKernels(mock);
        if (way === 'backwards') paths.reverse();
        for (const path of paths.slice(0, count)) renameSync(path, withPrefix(path));
        expect(await hasLegacyBootNames(mock.boot)).toBe(true);
        await migrateBootNames(mock);
        await expectBootable(mock, [bootedId, formerId]);
        expect(listFiles(mock.directory)).toEqual(result);
        if (count === paths.length) break;
      }
    },
  );

  test('what another version took out of the menu and did not remove goes', async () => {
    const mock = install(
      layout,
      twoKernels.map((entry) => ({ ...entry, hasPrefix: true })),
    );
    const before = listFiles(mock.directory);
    writeEntries(mock, layout, { entries: twoKernels, set: 'staged' });
    await migrateBootNames(mock);
    await expectBootable(mock, [bootedId, formerId]);
    expect(listFiles(mock.directory)).toEqual(before);
  });
});

test('a menu that grub reads instead of the entries names what is there, wherever it is stopped', async () => {
  let mock: MockInstallation;
  const menuPaths = (): string[] => {
    const text = readFileSync(join(mock.boot.bootDirectory, 'loader/entries', blsMenuName), 'utf8');
    return [...text.matchAll(/^ {4}(?:linux|initrd) (\S+)/gm)].map(([, path]) => path!);
  };
  const expectMenu = (): void => {
    expect(menuPaths()).toHaveLength(4);
    for (const path of menuPaths()) expect(existsSync(join(mock.physicalRoot, path)), path).toBe(true);
  };
  await stopAtEveryMutation({
    prepare: async () => {
      mock = install('grub-bls', twoKernels);
      const menu = formatBlsMenu(await activeEntries(mock));
      writeFileSync(join(mock.boot.bootDirectory, 'loader/entries', blsMenuName), menu);
      expectMenu();
    },
    act: () => migrateBootNames(mock),
    async afterStop() {
      expectMenu();
      await migrateBootNames(mock);
      expectMenu();
      expect(menuPaths().every((path) => path.startsWith('/boot/bootc_composefs-'))).toBe(true);
    },
  });
});
