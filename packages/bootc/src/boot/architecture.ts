import { CodedError } from '@workbench/run';

const names: Readonly<Record<string, string>> = {
  x64: 'x86_64',
  arm64: 'aarch64',
  ppc64: 'powerpc64',
  riscv64: 'riscv64',
  s390x: 's390x',
};

/**
 * A processor architecture by the name configuration files use (`x86_64`, `aarch64`, …), from Node's name for it.
 *
 * @throws CodedError `ARCHITECTURE_UNKNOWN`.
 */
export function configurationArchitecture(nodeName: string = process.arch): string {
  const name = names[nodeName];
  if (name === undefined) {
    throw new CodedError('ARCHITECTURE_UNKNOWN', `the processor architecture ${nodeName} is not supported`, {
      hint: `supported are ${Object.keys(names).join(', ')}`,
    });
  }
  return name;
}
