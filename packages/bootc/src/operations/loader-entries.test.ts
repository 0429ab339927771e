import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { parseBlsEntry } from '../boot/bls-entry.ts';
import { blsMenuName } from '../boot/bls-menu.ts';
import { optionsOfSource, withOptionsOfSource, withOwnersOf } from '../boot/owned-options.ts';
import { type MockInstallation, makeFixtureInstallation, mockImageStore } from '../storage/mock-installation.ts';
import { setOptionsForSource } from './loader-entries.ts';

const fixtures = new URL('../../fixtures', import.meta.url).pathname;

let mock: MockInstallation;
const install = () => {
  if (mock !== undefined) rmSync(mock.directory, { recursive: true, force: true });
  mock = makeFixtureInstallation(join(fixtures, 'peer-new-6-staged-third'), mockImageStore({}));
};
beforeEach(install);
afterEach(() => rmSync(mock.directory, { recursive: true }));

/** The options of all entries by set and deployment, without what all of them have. */
function allOptions(): Record<string, string> {
  const found = ['entries', 'entries.staged'].flatMap((set) => {
    const folder = join(mock.boot.bootDirectory, 'loader', set);
    const names = readdirSync(folder).filter((name) => name.endsWith('.conf'));
    return names.map((name): [string, string] => {
      const { target } = parseBlsEntry(readFileSync(join(folder, name), 'utf8'), name);
      if (target.kind !== 'linux') throw new Error(name);
      const [, id, rest] = /composefs=(\w{4})\w+ console=\S+(.*)$/.exec(target.options ?? '')!;
      return [`${set} ${id}`, rest!.trim()];
    });
  });
  return Object.fromEntries(found);
}

const before = { 'entries 9a52': '', 'entries b496': '', 'entries.staged 2358': '', 'entries.staged b496': '' };

test('the booted and the staged deployment get the arguments, with the record of whose they are', async () => {
  const untouched = allOptions();
  expect(await setOptionsForSource(mock, 'tuned', 'isolcpus=1-3 nohz=on')).toBe(true);
  const changed = allOptions();
  expect(changed['entries b496']).toBe(`${untouched['entries b496']} isolcpus=1-3 nohz=on`.trim());
  expect(changed['entries.staged 2358']).toContain('isolcpus=1-3 nohz=on');
  expect(changed['entries 9a52']).toBe(untouched['entries 9a52']);
  expect(await setOptionsForSource(mock, 'tuned', 'isolcpus=1-3 nohz=on')).toBe(false);
  expect(await setOptionsForSource(mock, 'tuned', 'nohz=off')).toBe(true);
  expect(allOptions()['entries b496']).toBe(`${untouched['entries b496']} nohz=off`.trim());
  expect(await setOptionsForSource(mock, 'tuned', undefined)).toBe(true);
  expect(allOptions()).toEqual(untouched);
  expect(Object.keys(before)).toEqual(Object.keys(untouched).sort());
});

test('a boot loader that reads a menu gets them too, for what is staged as well', async () => {
  mock = { ...mock, boot: { ...mock.boot, bootloader: 'grub' } };
  const menus = ['entries', 'entries.staged'].map((set) => join(mock.boot.bootDirectory, 'loader', set, blsMenuName));
  for (const menu of menus) writeFileSync(menu, '');
  await setOptionsForSource(mock, 'tuned', 'nohz=on');
  for (const menu of menus) expect(readFileSync(menu, 'utf8').match(/ nohz=on$/gm)).toHaveLength(1);
});

test('cut short anywhere, each entry is the old or the new one', async () => {
  const untouched = allOptions();
  const stops = await stopAtEveryMutation({
    prepare: install,
    act: () => setOptionsForSource(mock, 'a', 'x=1'),
    async afterStop() {
      for (const [entry, options] of Object.entries(allOptions())) {
        expect([untouched[entry], `${untouched[entry]} x=1`.trim()]).toContain(options);
      }
      await setOptionsForSource(mock, 'a', 'x=1');
      expect(allOptions()['entries b496']).toContain('x=1');
    },
  });
  expect(stops).toHaveLength(10);
});

test('owners do not disturb each other', () => {
  const entry = parseBlsEntry('version 1\nlinux /k\noptions rw quiet composefs=x\nx-foreign y\n', 'e');
  const first = withOptionsOfSource(entry, 'a', 'quiet x=1');
  const second = withOptionsOfSource(first, 'b', 'x=1 y="1 2"');
  expect(second.target).toMatchObject({ options: 'rw quiet composefs=x x=1 y="1 2"' });
  const withoutFirst = withOptionsOfSource(second, 'a', undefined);
  expect(withoutFirst.target).toMatchObject({ options: 'rw composefs=x x=1 y="1 2"' });
  expect(withoutFirst.others).toEqual([
    ['x-foreign', 'y'],
    ['x-options-source-b', 'x=1 y="1 2"'],
  ]);
  expect(optionsOfSource(withoutFirst, 'b')).toEqual(['x=1', 'y="1 2"']);
  expect(withOwnersOf(entry, withoutFirst).others).toEqual([
    ['x-foreign', 'y'],
    ['x-options-source-b', 'x=1 y="1 2"'],
  ]);
});

test.each([
  ['', 'a=b', 'is no name of a source'],
  ['a b', 'a=b', 'is no name of a source'],
  ['a', 'quiet composefs=1', 'kernel argument composefs=1 cannot be set'],
  ['a', 'composefs.digest=1', 'cannot be set'],
  ['a', 'x\noptions y', 'with a newline'],
])('refused: source %j, options %j', async (owner, options, told) => {
  await expect(setOptionsForSource(mock, owner, options)).rejects.toThrow(told);
});
