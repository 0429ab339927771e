import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { formatBlsEntry } from '../boot/bls-entry.ts';
import type { NamedEntry } from '../boot/menu-order.ts';
import {
  activateStagedEntries,
  discardStagedEntries,
  refreshMenus,
  replaceActiveEntries,
  writeStagedEntries,
} from './publish-entries.ts';

let boot: string;
beforeEach(() => {
  boot = mkdtempSync(join(tmpdir(), 'boot-'));
});
afterEach(() => rmSync(boot, { recursive: true }));

const named = (fileName: string, version: string): NamedEntry => ({
  fileName,
  entry: { version, target: { kind: 'linux', linux: '/k', initrds: [] } },
});
const old = [named('bootc_x-1-1.conf', '1')];
const next = [named('bootc_x-2-1.conf', '2'), named('bootc_x-1-0.conf', '1')];

function readSet(set: 'entries' | 'entries.staged'): Record<string, string> {
  const directory = join(boot, 'loader', set);
  const names = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.conf')) : [];
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name), 'utf8')]));
}

function textsOf(entries: readonly NamedEntry[]): Record<string, string> {
  return Object.fromEntries(entries.map(({ fileName, entry }) => [fileName, formatBlsEntry(entry)]));
}

function plant(set: 'entries' | 'entries.staged', entries: readonly NamedEntry[]): void {
  mkdirSync(join(boot, 'loader', set), { recursive: true });
  for (const [name, text] of Object.entries(textsOf(entries))) writeFileSync(join(boot, 'loader', set, name), text);
}

test('an earlier staged set leaves nothing behind', async () => {
  plant('entries', old);
  plant('entries.staged', [named('bootc_x-7-1.conf', '7')]);
  await writeStagedEntries(boot, next);
  expect(readSet('entries.staged')).toEqual(textsOf(next));
  expect(readSet('entries')).toEqual(textsOf(old));
  await discardStagedEntries(boot);
  expect(readdirSync(join(boot, 'loader'))).toEqual(['entries']);
});

test('what others have put among the entries is carried along', async () => {
  plant('entries', old);
  writeFileSync(join(boot, 'loader/entries/memtest.conf'), 'version 1\nefi /memtest.efi\n');
  await writeStagedEntries(boot, next);
  await activateStagedEntries(boot);
  expect(readSet('entries')).toEqual({ ...textsOf(next), 'memtest.conf': 'version 1\nefi /memtest.efi\n' });
  expect(readdirSync(join(boot, 'loader'))).toEqual(['entries']);
});

test('so are folders and links, whole also after an interruption', async () => {
  plant('entries', old);
  const at = (set: string, ...names: string[]) => join(boot, 'loader', set, ...names);
  mkdirSync(at('entries', 'backup/deep'), { recursive: true });
  writeFileSync(at('entries', 'backup/deep/x.conf'), 'kept');
  symlinkSync('/nowhere', at('entries', 'gone.conf'));
  await writeStagedEntries(boot, next);
  mkdirSync(at('entries.staged', 'backup'));
  await activateStagedEntries(boot);
  expect(readFileSync(at('entries', 'backup/deep/x.conf'), 'utf8')).toBe('kept');
  expect(readlinkSync(at('entries', 'gone.conf'))).toBe('/nowhere');
});

test('wherever it is stopped, the active set is the old one or the new one, whole', async () => {
  const stops = await stopAtEveryMutation({
    prepare: () => {
      rmSync(join(boot, 'loader'), { recursive: true, force: true });
      plant('entries', old);
      plant('entries.staged', [named('bootc_x-7-1.conf', '7')]);
    },
    act: () => replaceActiveEntries(boot, next),
    async afterStop() {
      expect([textsOf(old), textsOf(next)]).toContainEqual(readSet('entries'));
      await replaceActiveEntries(boot, next);
      expect(readSet('entries')).toEqual(textsOf(next));
      expect(readdirSync(join(boot, 'loader'))).toEqual(['entries']);
    },
  });
  expect(stops.length).toBeGreaterThan(20);
  // Everything is synced before the one exchange, and again before the old set goes.
  const at = stops.indexOf('exchange');
  expect(stops[at - 1]).toBe('syncfs');
  expect(stops.slice(at, stops.indexOf('unlink', at))).toEqual(['exchange', 'fsync', 'syncfs']);
});

test('a menu among the entries is swapped with them, and made anew when one is taken away', async () => {
  plant('entries', old);
  const menu = join(boot, 'loader/entries/bootc_menu.cfg');
  writeFileSync(menu, 'old');
  const id = 'c5'.repeat(64);
  const entry = (fileName: string, title: string): NamedEntry => ({
    fileName,
    entry: {
      title,
      version: '1',
      target: { kind: 'linux', linux: `/boot/bootc_composefs-${id}/vmlinuz`, initrds: [], options: `composefs=${id}` },
    },
  });
  await replaceActiveEntries(boot, [entry('bootc_1_x-1-1.conf', 'first'), entry('bootc_0_x-1-0.conf', 'second')]);
  expect(readFileSync(menu, 'utf8').match(/^menuentry \w+/gm)).toEqual(['menuentry first', 'menuentry second']);
  rmSync(join(boot, 'loader/entries/bootc_1_x-1-1.conf'));
  await refreshMenus({ bootloader: 'grub', bootDirectory: boot, espDirectory: '/nonexistent' });
  expect(readFileSync(menu, 'utf8').match(/^menuentry \w+/gm)).toEqual(['menuentry second']);
  const unreadable = join(boot, 'loader/entries/bootc_2_x-1-2.conf');
  writeFileSync(unreadable, 'torn');
  writeFileSync(menu, 'names it');
  await refreshMenus({ bootloader: 'grub', bootDirectory: boot, espDirectory: '/nonexistent' });
  expect(readFileSync(menu, 'utf8')).toBe('names it');
  rmSync(unreadable);
  rmSync(menu);
  await refreshMenus({ bootloader: 'grub', bootDirectory: boot, espDirectory: '/nonexistent' });
  expect(existsSync(menu)).toBe(false);
});
