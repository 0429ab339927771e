import { existsSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { scanBootArtifacts } from '../storage/boot-artifacts.ts';
import { type BootEntryRecord, scanBootEntries } from '../storage/boot-entries.ts';
import type { MockInstallation } from '../storage/mock-installation.ts';
import {
  bootedId,
  formerId,
  type LegacyEntry,
  type LegacyLayout,
  listFiles,
  makeLegacyInstallation,
} from './legacy-installation.testing.ts';

/** Two deployments, each with a kernel of its own. */
export const twoKernels: LegacyEntry[] = [
  { deploymentId: bootedId, artifact: bootedId },
  { deploymentId: formerId, artifact: formerId },
];
/** The booted deployment boots the kernel of the other one. */
export const sharedKernel: LegacyEntry[] = [
  { deploymentId: bootedId, artifact: formerId },
  { deploymentId: formerId, artifact: formerId },
];

/** An installation that goes with the test. */
export function install(layout: LegacyLayout, entries: readonly LegacyEntry[]): MockInstallation {
  const mock = makeLegacyInstallation(layout, entries);
  onTestFinished(() => rmSync(mock.directory, { recursive: true, force: true }));
  return mock;
}

/** The path by its new name. */
export const withPrefix = (path: string): string => join(dirname(path), `bootc_composefs-${basename(path)}`);

/** All kernel folders, unified kernel images and folders of addons. */
export async function pathsOfKernels(mock: MockInstallation): Promise<string[]> {
  return (await scanBootArtifacts(mock.boot)).flatMap(({ paths }) => paths);
}

/** The active boot entries, in menu order. */
export async function activeEntries(mock: MockInstallation): Promise<BootEntryRecord[]> {
  const { managed } = await scanBootEntries(mock.boot);
  return managed.filter(({ set }) => set === 'active');
}

/** What must hold at all times: the same deployments in the same order, each with all it boots, and nothing of others changed. */
export async function expectBootable(mock: MockInstallation, ids: readonly string[]): Promise<void> {
  const entries = await activeEntries(mock);
  expect(entries.map(({ deploymentId }) => deploymentId)).toEqual(ids);
  expect(entries.flatMap(({ missingFiles }) => missingFiles)).toEqual([]);
  if (existsSync(join(mock.boot.bootDirectory, 'loader'))) {
    expect(listFiles(join(mock.boot.bootDirectory, 'loader/entries'))['windows.conf']).toContain('# mine');
  }
}
