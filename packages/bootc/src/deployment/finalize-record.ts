import { canonicalJson } from './canonical-json.ts';
import { parseJsonObject } from './json-object.ts';
import { isDeploymentId } from './state-paths.ts';

/**
 * How far the finalizing of a staged deployment came. It is kept on the disk, so that the next boot can tell what became of an update
 * that is not there: `staged`, to be finalized at shutdown; `running`; `failed`, with the reason. One that is finalized has none.
 */
export interface FinalizeRecord {
  deploymentId: string;
  /** The image, as people see it. */
  image: string;
  state: 'staged' | 'running' | 'failed';
  /** Why it failed. */
  message?: string;
  /** The boot (`/proc/sys/kernel/random/boot_id`) in which this happened. */
  bootId: string;
  /** RFC 3339. */
  time: string;
}

/** Folder and name of the record, relative to the physical root. */
export const finalizeRecordPath = { directory: 'state', name: 'bootc-finalize.json' } as const;

const states: readonly string[] = ['staged', 'running', 'failed'] satisfies FinalizeRecord['state'][];

/** The record as it is on disk. */
export function formatFinalizeRecord(record: FinalizeRecord): string {
  return canonicalJson({ ...record });
}

/** Reads the record; undefined for anything that is none, since it only tells of the past. */
export function parseFinalizeRecord(text: string): FinalizeRecord | undefined {
  const record = parseJsonObject(text);
  if (record === undefined) return undefined;
  const { deploymentId, image, state, message, bootId, time } = record;
  if (typeof deploymentId !== 'string' || !isDeploymentId(deploymentId)) return undefined;
  if (typeof state !== 'string' || !states.includes(state)) return undefined;
  if (typeof image !== 'string' || typeof bootId !== 'string' || typeof time !== 'string') return undefined;
  return {
    deploymentId,
    image,
    state: state as FinalizeRecord['state'],
    bootId,
    time,
    ...(typeof message === 'string' ? { message } : {}),
  };
}
