import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readEntryFiles } from './entry-files.ts';
import { replaceActiveEntries } from './publish-entries.ts';

let boot: string;
beforeEach(() => {
  boot = mkdtempSync(join(tmpdir(), 'boot-'));
});
afterEach(() => rmSync(boot, { recursive: true }));

test('who reads while the sets are exchanged sees the one or the other, whole', async () => {
  const orders = [
    ['first', 'second'],
    ['second', 'first'],
  ];
  // Of a distribution whose version stays the same, so that only the contents change places.
  const place = (order: readonly string[]) =>
    replaceActiveEntries(
      boot,
      order.map((title, index) => ({
        fileName: `bootc_debian-13-${1 - index}.conf`,
        entry: { title, version: '13', target: { kind: 'linux', linux: '/k', initrds: [] } },
      })),
    );
  await place(orders[0]!);
  let isWriting = true;
  const writing = (async () => {
    for (let round = 1; round <= 60; round++) await place(orders[round % 2]!);
    isWriting = false;
  })();
  const seen = new Set<string>();
  while (isWriting) {
    const { active } = await readEntryFiles(boot);
    seen.add(active.map(({ text }) => /title (\w+)/.exec(String(text))?.[1] ?? String(text)).join());
  }
  await writing;
  expect([...seen].sort()).toEqual(['first,second', 'second,first']);
});

test('what cannot be read is told; folders that are not there have none', async () => {
  expect(await readEntryFiles(boot)).toEqual({ active: [], staged: [] });
  const entries = join(boot, 'loader/entries');
  mkdirSync(join(entries, 'folder.conf'), { recursive: true });
  symlinkSync('/nowhere', join(entries, 'gone.conf'));
  writeFileSync(join(entries, 'own.conf'), 'version 1\n');
  writeFileSync(join(entries, 'other.txt'), '');
  const { active, staged } = await readEntryFiles(boot);
  expect(active.map(({ fileName, text }) => [fileName, text instanceof Error ? text.name : text])).toEqual([
    ['folder.conf', 'Error'],
    ['gone.conf', 'Error'],
    ['own.conf', 'version 1\n'],
  ]);
  expect(String(active[1]!.text)).toContain(join(entries, 'gone.conf'));
  expect(staged).toEqual([]);
});
