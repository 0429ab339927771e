import { join } from 'node:path';
import { grubMenu } from '../boot/grub-menu.ts';
import { loaderPaths } from '../boot/names.ts';
import { stagedRecord } from '../deployment/state-paths.ts';
import type { BootEntryRecord } from '../storage/boot-entries.ts';
import type { RootModel } from '../storage/root-model.ts';
import type { Removal } from './removal.ts';

/** The boot entries that stay, and what goes because it does not. */
export interface LiveEntries {
  entries: readonly BootEntryRecord[];
  /** Paths are relative to the `loader` folder; that of the staged record is only its name. */
  removals: readonly Removal[];
}

/**
 * Judges the boot entries. An active one stays when its deployment has its state, without which it cannot boot; that of the
 * booted deployment always. The staged ones stay together, when the staged record names one of them that has its state:
 * without a record they are what a run that was cut short left behind, and may even be the entries from before an exchange.
 */
export function liveEntries(model: RootModel): LiveEntries {
  const hasState = (id: string): boolean => model.deployments.get(id)?.hasState === true;
  const active = model.entries.filter((entry) => entry.set === 'active');
  const stays = active.filter(
    (entry) => entry.deploymentId === model.host.deploymentId || hasState(entry.deploymentId),
  );
  const dead = active
    // A menu of grub is one file for all its entries, so what boots nothing stays in it until it is written again.
    .filter((entry) => !stays.includes(entry) && entry.fileName !== grubMenu.active)
    .map((entry) => ({
      kind: 'boot-entry' as const,
      path: join(loaderPaths.entriesName, entry.fileName),
      reason: `deployment ${entry.deploymentId} has no state folder`,
    }));
  const staged = judgeStaged(model, hasState);
  return { entries: [...stays, ...staged.entries], removals: [...dead, ...staged.removals] };
}

function judgeStaged(model: RootModel, hasState: (id: string) => boolean): LiveEntries {
  const entries = model.entries.filter((entry) => entry.set === 'staged');
  const record = model.staged;
  const isWhole =
    record !== undefined &&
    hasState(record.deploymentId) &&
    entries.some((entry) => entry.deploymentId === record.deploymentId);
  if (isWhole) return { entries, removals: [] };
  const reason =
    record === undefined ? 'no deployment is staged' : `staged deployment ${record.deploymentId} is incomplete`;
  const hasStagedMenu = entries.some((entry) => entry.fileName === grubMenu.staged);
  const hasStagedFolder =
    entries.some((entry) => entry.fileName !== grubMenu.staged) ||
    model.unmanaged.some((entry) => entry.set === 'staged');
  return {
    entries: [],
    removals: [
      ...(record === undefined ? [] : [{ kind: 'staged-record' as const, path: stagedRecord.name, reason }]),
      ...(hasStagedFolder ? [{ kind: 'staged-entries' as const, path: loaderPaths.stagedName, reason }] : []),
      ...(hasStagedMenu
        ? [{ kind: 'staged-entries' as const, path: join('..', grubMenu.directory, grubMenu.staged), reason }]
        : []),
    ],
  };
}
