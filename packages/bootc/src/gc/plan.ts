import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { loaderPaths } from '../boot/names.ts';
import { deploymentPaths, stagedRecord } from '../deployment/state-paths.ts';
import type { BootEntryRecord } from '../storage/boot-entries.ts';
import type { RootModel } from '../storage/root-model.ts';
import { liveEntries } from './live-entries.ts';
import { planTags, type TagChanges } from './plan-tags.ts';
import type { Removal } from './removal.ts';

/** What a garbage collection does, as a value: it is printed, tested and judged before anything is touched. */
export interface SystemGcPlan extends TagChanges {
  /** Deployments that stay, and what keeps each. */
  kept: readonly { deploymentId: string; reason: string }[];
  /** On the boot partition and in the state, in the order in which they are removed. */
  removals: readonly Removal[];
  /** EROFS images that are kept whatever the tags say. */
  additionalRoots: readonly string[];
  /** What is odd, but does no harm. */
  warnings: readonly string[];
}

/** What a plan needs to know beside the root model. */
export interface PlanInputs {
  /** `/`, or what stands in for it. */
  root: string;
  physicalRoot: string;
  tags: ReadonlyMap<string, string>;
  hasErofsImage(id: string): Promise<boolean>;
  /** What is on the boot partition and was not written to its end. */
  unfinishedBootFiles?: readonly string[];
}

/**
 * Plans the removal of everything on the system that no boot entry leads to.
 *
 * @throws CodedError `GC_REFUSED` when nothing is alive, when the booted deployment is not among what is alive, or when it
 * lacks something it needs: the root set is wrong then, and whatever goes by it would delete what is needed.
 */
export async function planSystemGc(model: RootModel, inputs: PlanInputs): Promise<SystemGcPlan> {
  const bootedId = model.host.deploymentId;
  const live = liveEntries(model);
  const liveIds = [...new Set(live.entries.map((entry) => entry.deploymentId))];
  assertBootedIsAlive(model, live.entries);
  const warnings = liveIds.flatMap((id) => model.deployments.get(id)?.problems ?? []);
  const additionalRoots: string[] = [];
  for (const id of liveIds) {
    if (await inputs.hasErofsImage(id)) additionalRoots.push(id);
    else if (id === bootedId) throw refusal(`the repository has no image of the booted deployment ${id}`);
    else warnings.push(`the repository has no image of deployment ${id}, which therefore cannot boot`);
  }
  const tags = planTags(model, { liveIds, tags: inputs.tags });
  const kept = liveIds.map((id) => ({ deploymentId: id, reason: whyAlive(model, live.entries, id) }));
  const unreadable = model.unmanaged.filter(
    ({ fileName, set }) => fileName.startsWith('bootc_') && (set === 'active' || model.staged !== undefined),
  );
  if (unreadable.length > 0) {
    // It may boot any deployment, so none can be told to be dead.
    const told = unreadable.map((entry) => `boot entry ${entry.fileName} cannot be read, so nothing is removed`);
    return { kept, removals: [], toAdd: tags.toAdd, toRemove: [], additionalRoots, warnings: [...warnings, ...told] };
  }
  const removals = [
    ...live.removals.map((removal) => ({ ...removal, path: resolvePath(model, inputs, removal) })),
    ...planArtifacts(model, live.entries),
    ...(inputs.unfinishedBootFiles ?? []).map((path) => {
      return { kind: 'boot-artifact' as const, path, reason: 'it was not written to its end' };
    }),
    ...planStateDirectories(model, inputs, liveIds),
  ];
  return { kept, removals, ...tags, additionalRoots, warnings };
}

function assertBootedIsAlive(model: RootModel, live: readonly BootEntryRecord[]): void {
  const bootedId = model.host.deploymentId;
  if (live.length === 0) throw refusal('no boot entry leads to any deployment');
  const booted = live.filter((entry) => entry.deploymentId === bootedId);
  if (booted.length === 0) throw refusal(`no boot entry leads to the booted deployment ${bootedId}`);
  if (model.deployments.get(bootedId)?.hasState !== true) {
    throw refusal(`the booted deployment ${bootedId} has no state folder`);
  }
  const missing = booted.flatMap((entry) => entry.missingFiles);
  if (missing.length > 0) throw refusal(`the booted deployment lacks ${missing.join(', ')}`);
}

function refusal(why: string): CodedError {
  return new CodedError('GC_REFUSED', `Inconsistent state, garbage collection would delete what is needed: ${why}`, {
    hint: 'bootc internals fsck tells all that is wrong; repair that first',
  });
}

function whyAlive(model: RootModel, live: readonly BootEntryRecord[], id: string): string {
  if (id === model.host.deploymentId) return 'booted';
  const entry = live.find((candidate) => candidate.deploymentId === id)!;
  return `${entry.set} boot entry ${entry.fileName}`;
}

function planArtifacts(model: RootModel, live: readonly BootEntryRecord[]): Removal[] {
  const referenced = new Set(live.map((entry) => entry.artifactName));
  return model.artifacts
    .filter((artifact) => artifact.hasPrefix && !referenced.has(artifact.name))
    .flatMap((artifact) =>
      artifact.paths.map((path) => ({ kind: 'boot-artifact' as const, path, reason: 'no boot entry names it' })),
    );
}

function planStateDirectories(model: RootModel, inputs: PlanInputs, liveIds: readonly string[]): Removal[] {
  return [...model.deployments.values()]
    .filter((deployment) => deployment.hasState && !liveIds.includes(deployment.id))
    .map((deployment) => ({
      kind: 'state-directory' as const,
      path: deploymentPaths(inputs.physicalRoot, deployment.id).directory,
      reason: 'no boot entry leads to it',
    }));
}

function resolvePath(model: RootModel, inputs: PlanInputs, removal: Removal): string {
  if (removal.kind === 'staged-record') return join(inputs.root, stagedRecord.directory, stagedRecord.name);
  return join(model.boot.bootDirectory, loaderPaths.directory, removal.path);
}
