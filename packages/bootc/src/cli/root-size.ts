import { CodedError } from '@workbench/run';

const mebibytes = { '': 1, M: 1, G: 1024, T: 1024 * 1024 } as const;

/**
 * Reads a size such as `512`, `10G` or `1T` in MiB, which is the unit when there is none.
 *
 * @throws CodedError `ROOT_SIZE_INVALID`.
 */
export function parseRootSize(text: string): number {
  const match = /^([1-9][0-9]*)([MGT]?)$/.exec(text);
  if (match === null) {
    throw new CodedError('ROOT_SIZE_INVALID', `--root-size ${JSON.stringify(text)} is no size`, {
      hint: 'give a whole number of MiB, or one followed by M, G or T',
      exitCode: 2,
    });
  }
  return Number(match[1]) * mebibytes[match[2] as keyof typeof mebibytes];
}
