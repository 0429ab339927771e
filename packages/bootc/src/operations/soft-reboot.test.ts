import { rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { deploymentRoles } from '../storage/deployment-roles.ts';
import { type MockInstallation, makeFixtureInstallation, mockImageStore } from '../storage/mock-installation.ts';
import { buildRootModel, type RootModel } from '../storage/root-model.ts';
import { removeStagedRecord, writeStagedRecord } from '../storage/staged-record.ts';
import { softRebootTarget } from './soft-reboot.ts';

let mock: MockInstallation;
let model: RootModel;
let ids: { booted: string; staged: string; rollback: string };
// Booted, one to fall back to, and a third one staged.
beforeEach(async () => {
  const fixture = new URL('../../fixtures/peer-new-6-staged-third', import.meta.url).pathname;
  mock = makeFixtureInstallation(fixture, mockImageStore({}));
  model = await buildRootModel(mock);
  const { booted, staged, rollback } = deploymentRoles(model);
  ids = { booted: booted.id, staged: staged!.id, rollback: rollback!.id };
});
afterEach(() => rmSync(mock.directory, { recursive: true }));

const targetFor = (id: string): string => softRebootTarget(model, id).id;

test('what is staged, since the shutdown finalizes it', () => {
  expect(targetFor(ids.staged)).toBe(ids.staged);
});

test('not another one, which what is staged would leave without a boot entry', async () => {
  expect(() => targetFor(ids.rollback)).toThrow(`${ids.staged} is staged to take its place`);
  await removeStagedRecord(mock.root);
  model = await buildRootModel(mock);
  expect(targetFor(ids.rollback)).toBe(ids.rollback);
});

test('not what was only downloaded, whose /etc has no local changes yet; it stands in the way of no other', async () => {
  await writeStagedRecord(mock.root, { deploymentId: ids.staged, isFinalizationLocked: true });
  model = await buildRootModel(mock);
  expect(() => targetFor(ids.staged)).toThrow('only downloaded');
  expect(targetFor(ids.rollback)).toBe(ids.rollback);
});

test('not the booted one, one that is unknown, or what a cut-off run left behind', async () => {
  expect(() => targetFor(ids.booted)).toThrow('currently booted');
  expect(() => targetFor('0'.repeat(128))).toThrow('not found');
  await removeStagedRecord(mock.root);
  model = await buildRootModel(mock);
  expect(() => targetFor(ids.staged)).toThrow('not found');
});
