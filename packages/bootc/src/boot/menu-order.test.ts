import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseBlsEntry } from './bls-entry.ts';
import { inMenuOrder, type NamedEntry } from './menu-order.ts';

const fixtures = new URL('../../fixtures', import.meta.url).pathname;

// What bootctl(1) of the running system listed, first the default.
test.each(readdirSync(fixtures).filter((name) => name.startsWith('peer-')))(
  '%s: the order systemd-boot shows',
  (name) => {
    const directory = join(fixtures, name, 'files/esp/loader/entries');
    const entries = readdirSync(directory).map((fileName) => ({
      fileName,
      entry: parseBlsEntry(readFileSync(join(directory, fileName), 'utf8'), fileName),
    }));
    const listed: { type: string; id: string }[] = JSON.parse(
      readFileSync(join(fixtures, name, 'bootctl-list.json'), 'utf8'),
    );
    expect(inMenuOrder(entries, 'systemd').map((entry) => entry.fileName)).toEqual(
      listed.filter((entry) => entry.type === 'type1').map((entry) => entry.id),
    );
  },
);

function named(fileName: string, version: string, sortKey?: string, machineId?: string): NamedEntry {
  const target = { kind: 'linux', linux: '/k', initrds: [] } as const;
  return {
    fileName,
    entry: {
      version,
      target,
      ...(sortKey === undefined ? {} : { sortKey }),
      ...(machineId === undefined ? {} : { machineId }),
    },
  };
}

test('systemd-boot: sort key, machine id, version, and those without a sort key last', () => {
  const entries = [
    named('none-1.conf', '9'),
    named('none-10.conf', '1'),
    named('d.conf', '5', 'b'),
    named('c.conf', '2', 'a', 'ff'),
    named('b.conf', '9', 'a', '00'),
    named('a.conf', '10', 'a', '00'),
  ];
  expect(inMenuOrder(entries, 'systemd').map((entry) => entry.fileName)).toEqual([
    'a.conf',
    'b.conf',
    'c.conf',
    'd.conf',
    'none-10.conf',
    'none-1.conf',
  ]);
});

test.each(['grub', 'grub-cc'] as const)('%s: the file name downwards', (bootloader) => {
  const entries = [named('bootc_a-9-0.conf', '9', '0'), named('bootc_a-9-1.conf', '9', '1'), named('z.conf', '1')];
  expect(inMenuOrder(entries, bootloader).map((entry) => entry.fileName)).toEqual([
    'z.conf',
    'bootc_a-9-1.conf',
    'bootc_a-9-0.conf',
  ]);
});
