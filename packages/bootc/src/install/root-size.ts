import { CodedError } from '@workbench/run';

const mebibytes: Readonly<Record<string, number>> = { M: 1, G: 1024, T: 1024 * 1024 };

/**
 * The size of the root partition in MiB, from `N`, `NM`, `NG` or `NT` (binary units, MiB where none is given).
 *
 * @throws CodedError `ROOT_SIZE_INVALID`, with the exit code of a wrong command line.
 */
export function parseRootSize(text: string): number {
  const match = /^([1-9]\d{0,8})([MGT]?)$/.exec(text);
  const factor = mebibytes[match?.[2] || 'M'];
  if (match === null || factor === undefined) {
    throw new CodedError('ROOT_SIZE_INVALID', `${JSON.stringify(text)} is no size of a root partition`, {
      hint: 'write it as 10G, 5120M or 1T; a number alone counts MiB',
      exitCode: 2,
    });
  }
  return Number(match[1]) * factor;
}
