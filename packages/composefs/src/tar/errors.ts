import { CodedError } from '@workbench/run';

/** The error for an archive that is damaged or holds what an image cannot: nothing of it is used then. */
export function invalidTar(problem: string, hint: string = buildAnew): CodedError {
  return new CodedError('TAR_INVALID', `the layer is no usable tar archive: ${problem}`, { hint });
}

const buildAnew = 'build the image anew; if it is a current build tool that made this layer, report what made it';
