import { open } from 'node:fs/promises';
import { CodedError } from '@workbench/run';

const algorithm = 'sha256';

/**
 * Prints the fs-verity digest of a sealed file, 64 hex digits.
 *
 * @throws CodedError `VERITY_MISSING` when it is not sealed.
 */
export async function printVerity(path: string): Promise<void> {
  const { measureFile } = await import('@workbench/composefs');
  await using file = await open(path, 'r');
  const measurement = measureFile(file.fd, algorithm);
  if (measurement.state === 'sealed') {
    process.stdout.write(`${measurement.digest}\n`);
    return;
  }
  throw new CodedError('VERITY_MISSING', `${path} ${whyNot[measurement.state]}`, {
    hint: 'bootc internals fsverity enable seals a file on ext4 or btrfs',
  });
}

/**
 * Seals a file: from then on the kernel checks its content whenever it is read, and nobody can change it.
 *
 * @throws CodedError `VERITY_NOT_ENABLED` when it cannot be, or is already.
 */
export async function enableVerity(path: string): Promise<void> {
  const { sealFile } = await import('@workbench/composefs');
  await using file = await open(path, 'r');
  const outcome = await sealFile(file.fd, algorithm);
  if (outcome === 'sealed') return;
  throw new CodedError('VERITY_NOT_ENABLED', `${path} ${whyNot[outcome]}`, {
    hint: 'the file system must support fs-verity (mkfs.ext4 -O verity), and nobody may have the file open for writing',
  });
}

const whyNot = {
  unsealed: 'has no fs-verity',
  unsupported: 'is on a file system without fs-verity',
  'was-sealed': 'has fs-verity already',
  busy: 'is open for writing somewhere',
} as const;
