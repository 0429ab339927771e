import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  addBaseDisk,
  baseDiskPlaces,
  findBaseDisk,
  listBaseDisks,
  listBrokenBaseDisks,
  removeBaseDisk,
  touchBaseDisk,
} from './base-disks.ts';
import { type BaseDiskInputs, baseDiskKey, explainDifference, readProgramVersion } from './key.ts';
import { planPrune } from './prune.ts';

const inputs: BaseDiskInputs = {
  imageDigest: 'sha256:aa',
  sourceReference: 'localhost/bootc',
  filesystem: 'ext4',
  rootSize: null,
  targetTransport: null,
  kernelArguments: [],
  composefsBackend: true,
  bootloader: 'systemd',
  allowMissingFsverity: false,
  diskBytes: 10 * 2 ** 30,
  firmware: 'uefi',
  programVersion: 'v1',
};
const facts = { created: '2026-11-24T00:00:00.000Z', kernelSha256: 'bb', processorLevel: 1, installSeconds: 60 };

test('the key is stable, whatever the order of the fields', () => {
  expect(baseDiskKey(inputs)).toBe('47bb603ebdbdbb57');
  expect(baseDiskKey(Object.fromEntries(Object.entries(inputs).reverse()) as unknown as BaseDiskInputs)).toBe(
    baseDiskKey(inputs),
  );
});

const changes: { [Name in keyof BaseDiskInputs]: BaseDiskInputs[Name] } = {
  imageDigest: 'sha256:bb',
  sourceReference: 'localhost/other',
  filesystem: 'xfs',
  rootSize: '5G',
  targetTransport: 'oci',
  kernelArguments: ['a'],
  composefsBackend: false,
  bootloader: 'grub',
  allowMissingFsverity: true,
  diskBytes: 1,
  firmware: 'bios',
  programVersion: 'v2',
};

test.each(Object.entries(changes))('another %s is another disk, and is explained', (name, value) => {
  const other = { ...inputs, [name]: value };
  expect(baseDiskKey(other)).not.toBe(baseDiskKey(inputs));
  expect(explainDifference(other, inputs)).toEqual([
    expect.stringMatching(new RegExp(`^${name}: wanted .*, this disk has `)),
  ]);
});

test('the version of the program is a hash of the code that installs', () => {
  expect(readProgramVersion()).toMatch(/^[0-9a-f]{16}$/);
});

test('a disk counts once its record is there, and not without its file or with the record of another', () => {
  const folder = mkdtempSync(join(tmpdir(), 'disks-'));
  const places = baseDiskPlaces(folder, inputs);
  writeFileSync(places.temporaryFile, 'disk');
  expect(findBaseDisk(folder, places.key)).toBeUndefined();
  const disk = addBaseDisk(folder, places.temporaryFile, { inputs, ...facts });
  expect(disk).toMatchObject({ key: places.key, file: places.file, record: { schema: 1, inputs } });
  expect(existsSync(places.temporaryFile)).toBe(false);

  writeFileSync(places.temporaryFile, 'disk');
  const later = addBaseDisk(folder, places.temporaryFile, { inputs: { ...inputs, rootSize: '1G' }, ...facts });
  touchBaseDisk(folder, disk.key, new Date('2030-01-01'));
  expect(listBaseDisks(folder).map(({ key }) => key)).toEqual([disk.key, later.key]);

  removeBaseDisk(folder, disk.key);
  expect(findBaseDisk(folder, disk.key)).toBeUndefined();
  expect(listBrokenBaseDisks(folder)).toEqual([]);
  writeFileSync(join(folder, `bootc-base-${later.key}.json`), '{');
  expect(listBaseDisks(folder)).toEqual([]);
  expect(listBrokenBaseDisks(folder)).toEqual([later.key]);
  removeBaseDisk(folder, later.key);
  expect(listBrokenBaseDisks(folder)).toEqual([]);
});

test('a cache that is not there is empty', () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'disks-')), 'none');
  expect(listBaseDisks(folder)).toEqual([]);
  mkdirSync(folder);
  expect(listBaseDisks(folder)).toEqual([]);
});

test('the disks used last stay within the budget; one that a VM uses stays always', () => {
  const disk = (key: string, day: number, usedBytes: number, usedBy: string[] = []) => ({
    key,
    usedBytes,
    lastUsed: new Date(2026, 0, day),
    usedBy,
  });
  const disks = [disk('old-used', 1, 50, ['vm']), disk('older', 2, 30), disk('old', 3, 30), disk('new', 4, 20)];
  const kept = (budget: number, key?: string) =>
    planPrune(disks, budget, key)
      .filter(({ keep }) => keep)
      .map(({ disk: { key: each } }) => each);
  expect(kept(100)).toEqual(['new', 'old', 'old-used']);
  expect(kept(0)).toEqual(['old-used']);
  expect(kept(0, 'older')).toEqual(['older', 'old-used']);
  expect(kept(1000)).toHaveLength(4);
  expect(planPrune(disks, 0).find(({ disk: { key } }) => key === 'old-used')?.reason).toBe('used by vm');
});
