import { CodedError } from '@workbench/run';

/** The error for container storage that is not as it should be. */
export function damagedStorage(path: string, problem: string, cause?: unknown): CodedError {
  return new CodedError('STORAGE_DAMAGED', `the container storage at ${path} cannot be used: ${problem}`, {
    hint: 'check it with: podman system check; or pull the image anew',
    cause,
  });
}
