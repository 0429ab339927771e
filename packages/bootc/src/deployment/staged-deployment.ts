import { CodedError } from '@workbench/run';
import { canonicalJson } from './canonical-json.ts';
import { isDeploymentId } from './state-paths.ts';

/** The record of a staged deployment in `/run/composefs/staged-deployment`. */
export interface StagedDeployment {
  deploymentId: string;
  /** Staged by `--download-only`: not to be finalized at shutdown. */
  isFinalizationLocked: boolean;
}

/** The record as it is on disk; other versions of bootc read it, so to the byte. */
export function formatStagedDeployment(staged: StagedDeployment): string {
  return canonicalJson({ depl_id: staged.deploymentId, finalization_locked: staged.isFinalizationLocked });
}

/**
 * Reads the record; a missing lock flag means unlocked.
 *
 * @throws CodedError `STAGED_RECORD_INVALID` when it is no JSON object with a deployment id.
 */
export function parseStagedDeployment(text: string): StagedDeployment {
  const record = parseJson(text);
  if (typeof record !== 'object' || record === null || !('depl_id' in record)) throw invalid('it holds no depl_id');
  const id = record.depl_id;
  if (typeof id !== 'string' || !isDeploymentId(id)) throw invalid('depl_id is not 128 hex digits');
  return {
    deploymentId: id,
    isFinalizationLocked: 'finalization_locked' in record && record.finalization_locked === true,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid('it is no JSON', cause);
  }
}

function invalid(why: string, cause?: unknown): CodedError {
  return new CodedError('STAGED_RECORD_INVALID', `the record of the staged deployment cannot be read: ${why}`, {
    hint: 'remove /run/composefs/staged-deployment and stage again',
    cause,
  });
}
