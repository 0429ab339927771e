import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { failEveryMutation, stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { buildHostDocument } from '../status/build-host-document.ts';
import type { HostDocument } from '../status/host-document.ts';
import { type MockInstallation, makeFixtureInstallation, mockImageStore } from '../storage/mock-installation.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { planRollback, rollBack } from './rollback.ts';

const fixtures = new URL('../../fixtures', import.meta.url).pathname;
const bootedId =
  'b496ce97e245cc429d51b9495a39c92ae51fe69576e340bd0e5313cee0c43c18e3f857461c4c5a7b0aa8b90aafc1144c30dfb941aedb37845042bf5a04f1c30f';
const rollbackId =
  '9a526410ae4e0e8ce429e8c56d4dda4913ead85a539dc3be707f639217a9f1e1d90caeec81535df5635f5591352b4d63d919d852acc4dd21e95bbca32674e230';

let mock: MockInstallation;
function install(fixture: string): void {
  remove();
  mock = makeFixtureInstallation(join(fixtures, fixture), mockImageStore({}));
}
function remove(): void {
  if (mock !== undefined) rmSync(mock.directory, { recursive: true, force: true });
}
// Booted, one to fall back to, and a third one staged.
beforeEach(() => install('peer-new-6-staged-third'));
afterEach(remove);

async function document(): Promise<HostDocument> {
  const model = await buildRootModel(mock);
  return buildHostDocument(model, { mounts: [], isReadOnly: false, isSelinuxEnabled: false });
}

function entriesOnDisk(): Record<string, string> {
  const directory = join(mock.boot.bootDirectory, 'loader/entries');
  return Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]));
}

/** Menu order, with what each entry lacks. */
async function menu(): Promise<[id: string, missing: number][]> {
  const { entries } = await buildRootModel(mock);
  return entries
    .filter((entry) => entry.set === 'active')
    .map((entry) => [entry.deploymentId, entry.missingFiles.length]);
}

const before: [string, number][] = [
  [bootedId, 0],
  [rollbackId, 0],
];
const after = before.toReversed();

test('what is staged is discarded, and the deployment to fall back to boots next', async () => {
  expect(await menu()).toEqual(before);
  const plan = await rollBack(mock);
  expect(plan).toMatchObject({ nextId: rollbackId, isRevert: false });
  expect(await menu()).toEqual(after);
  const { spec, status } = await document();
  expect(spec.bootOrder).toBe('rollback');
  expect(status).toMatchObject({ staged: null, rollbackQueued: true, rollback: { composefs: { verity: rollbackId } } });
  expect(existsSync(join(mock.root, 'run/composefs/staged-deployment'))).toBe(false);
  expect(readdirSync(join(mock.boot.bootDirectory, 'loader'))).not.toContain('entries.staged');
});

test('twice is as if never', async () => {
  await rollBack(mock);
  await rollBack(mock);
  const once = entriesOnDisk();
  expect(await menu()).toEqual(before);
  expect(await document()).toMatchObject({ spec: { bootOrder: 'default' }, status: { rollbackQueued: false } });
  expect(await rollBack(mock)).toMatchObject({ isRevert: false });
  expect(await rollBack(mock)).toMatchObject({ isRevert: true, nextId: bootedId });
  expect(entriesOnDisk()).toEqual(once);
});

test('for grub, which goes by the names of the files, whatever the versions are', async () => {
  mock = { ...mock, boot: { ...mock.boot, bootloader: 'grub' } };
  expect(await menu()).toEqual(before);
  await rollBack(mock);
  expect(await menu()).toEqual(after);
  expect(Object.keys(entriesOnDisk())).toEqual([
    `bootc_0_bootc-${bootedId}-0.conf`,
    `bootc_1_bootc-${rollbackId}-1.conf`,
  ]);
  await rollBack(mock);
  expect(await menu()).toEqual(before);
});

test('the entries keep the id of their system', async () => {
  install('peer-new-3-switched');
  expect(Object.keys(entriesOnDisk()).every((name) => name.startsWith('bootc_debian-'))).toBe(true);
  const { entries } = planRollback(await buildRootModel(mock));
  await rollBack(mock);
  expect(Object.keys(entriesOnDisk()).every((name) => name.startsWith('bootc_debian-'))).toBe(true);
  expect(entries.map((entry) => entry.sortKey)).toEqual(['bootc-debian-1', 'bootc-debian-0']);
  const texts = Object.values(entriesOnDisk()).map((text) => /sort-key (.*)/.exec(text)?.[1]);
  expect(texts.sort()).toEqual(['bootc-debian-0', 'bootc-debian-1']);
});

describe('refusals', () => {
  test('there is nothing to fall back to', async () => {
    install('peer-new-1-installed');
    await expect(rollBack(mock)).rejects.toMatchObject({ code: 'NO_ROLLBACK', message: 'No rollback available' });
  });

  test('a kernel, a state folder or an image is missing: nothing changes', async () => {
    const entries = entriesOnDisk();
    const lacking = { ...mock, images: mockImageStore({ missingErofsImages: [rollbackId] }) };
    await expect(rollBack(lacking)).rejects.toMatchObject({ code: 'ROLLBACK_INCOMPLETE' });
    unlinkSync(join(mock.boot.espDirectory, `EFI/Linux/bootc_composefs-${bootedId}/initrd`));
    await expect(rollBack(mock)).rejects.toMatchObject({
      code: 'ROLLBACK_INCOMPLETE',
      message: expect.stringContaining('/initrd'),
    });
    expect(entriesOnDisk()).toEqual(entries);
    expect((await document()).status.staged).not.toBeNull();
  });
});

test('more than two entries keep their order behind the first', async () => {
  const third = '3'.repeat(128);
  const directory = join(mock.boot.bootDirectory, 'loader/entries');
  const text = readFileSync(join(directory, `bootc_bootc-${rollbackId}-0.conf`), 'utf8');
  const renamed = text.replaceAll(rollbackId, third).replace('sort-key bootc-bootc-1', 'sort-key bootc-bootc-2');
  writeFileSync(join(directory, `bootc_bootc-${third}-0.conf`), renamed);
  writeFileSync(join(directory, 'memtest.conf'), 'title Memory test\nversion 1\nefi /memtest.efi\n');
  await rollBack(mock);
  expect(await menu()).toEqual([...after, [third, 0]]);
  expect(Object.keys(entriesOnDisk())).toContain('memtest.conf');
  await rollBack(mock);
  expect(await menu()).toEqual([...before, [third, 0]]);
});

/** Whatever was cut short: status answers, the menu is the old or the new one, whole, and the command completes. */
async function checkAndComplete(): Promise<void> {
  const { status } = await document();
  expect(status.booted?.composefs.verity).toBe(bootedId);
  expect([before, after]).toContainEqual(await menu());
  expect([null, '2358d854']).toContainEqual(status.staged?.composefs.verity.slice(0, 8) ?? null);
  const isDone = status.rollbackQueued;
  await rollBack(mock);
  expect(await menu()).toEqual(isDone ? before : after);
  expect(readdirSync(join(mock.boot.bootDirectory, 'loader'))).not.toContain('entries.staged');
  expect((await document()).status.staged).toBeNull();
}

test('stopped at every change of the disk', async () => {
  const stops = await stopAtEveryMutation({
    prepare: () => install('peer-new-6-staged-third'),
    act: () => rollBack(mock),
    afterStop: checkAndComplete,
  });
  console.log(`rolling back: stopped at ${stops.length} mutations`);
  expect(stops.filter((name) => name === 'exchange')).toHaveLength(1);
  expect(stops.length).toBeGreaterThan(25);
  // The record goes first: from then on what is staged is nothing.
  expect(stops.slice(0, 2)).toEqual(['unlink', 'fsync']);
});

test.each(['ENOSPC', 'EIO'])('every change of the disk fails once with %s', async (code) => {
  const failures = await failEveryMutation({
    code,
    prepare: () => install('peer-new-6-staged-third'),
    act: () => rollBack(mock),
    afterFailure: checkAndComplete,
  });
  expect(failures.length).toBeGreaterThan(25);
});

test('a leftover staged set of somebody else is not taken for the new order', async () => {
  install('peer-new-3-switched');
  const id = (await buildRootModel(mock)).host.deploymentId;
  mkdirSync(join(mock.boot.bootDirectory, 'loader/entries.staged'));
  writeFileSync(join(mock.boot.bootDirectory, 'loader/entries.staged/bootc_x-1-1.conf'), 'half');
  await rollBack(mock);
  expect((await menu()).map(([deployment]) => deployment === id)).toEqual([false, true]);
  expect((await document()).status.unmanaged).toBeUndefined();
});
