import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { legacyLayouts, listFiles } from '../migration/legacy-installation.testing.ts';
import { differencesFromCaptured } from '../migration/legacy-layout.testing.ts';
import { migrateStorage } from '../migration/migrate.ts';
import { bootableFiles, writeImageLayout } from '../storage/test-system.testing.ts';
import { makeFreshSystem, makeLegacySystem } from './legacy-system.testing.ts';

const folder = dirSync({ unsafeCleanup: true });
afterAll(() => folder.removeCallback());
const source = writeImageLayout(join(folder.name, 'image'), bootableFiles('1'));
const fixture = new URL('../../fixtures/peer-old-1-installed', import.meta.url).pathname;
const captured = {
  esp: readFileSync(join(fixture, 'esp.tree'), 'utf8'),
  sysroot: readFileSync(join(fixture, 'sysroot.tree'), 'utf8'),
};
// The first boot makes these, which the systems of tests do without.
const isOfFirstBoot = (line: string): boolean => /root: [dl] state\/(os|deploy\/ID\/var)/.test(line);

describe.each(legacyLayouts)('%s', (layout) => {
  test('it is laid out as a machine of the real program, which a fresh one is not', async () => {
    const fresh = await makeFreshSystem(layout, source);
    const legacy = await makeLegacySystem(layout, source);
    for (const { directory } of [fresh, legacy]) onTestFinished(() => rmSync(directory, { recursive: true }));
    const differences = (system: typeof fresh): string[] =>
      differencesFromCaptured({ ...system, espDirectory: system.boot.espDirectory }, captured).filter(
        (line) => !isOfFirstBoot(line),
      );
    expect(differences(legacy)).toEqual([]);
    expect(differences(fresh)).toContain('has root: f composefs/meta.json');
    expect(differences(fresh).filter((line) => line.includes('bootc_composefs-'))).not.toEqual([]);
  });

  test('brought up to date, it boots from the files of a fresh one', async () => {
    const fresh = await makeFreshSystem(layout, source);
    const legacy = await makeLegacySystem(layout, source);
    for (const { directory } of [fresh, legacy]) onTestFinished(() => rmSync(directory, { recursive: true }));
    await legacy.use(async (storage) => expect((await migrateStorage(storage)).problems).toEqual([]));
    const bootFiles = ({ boot, booted }: typeof fresh): Record<string, string> => {
      const files = {
        ...listFiles(boot.espDirectory),
        ...(layout.startsWith('grub') ? listFiles(boot.bootDirectory) : {}),
      };
      const neutral = (text: string): string => text.replaceAll(booted.id, 'ID').replace('bootc_1_test', 'bootc_test');
      return Object.fromEntries(Object.entries(files).map(([path, text]) => [neutral(path), neutral(text)]));
    };
    expect(bootFiles(legacy)).toEqual(bootFiles(fresh));
  });
});
