import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, run } from '@workbench/run';

/**
 * Arguments of virt-fw-vars (of the package virt-firmware) that enrol PK, KEK and db of a folder of keys: `PK.crt`,
 * `KEK.crt`, `db.crt`, and `GUID.txt` with their owner.
 *
 * @throws CodedError BAD_SECURE_BOOT_KEYS if a file is missing
 */
export function enrolArguments(
  program: string,
  keyFolder: string,
  files: { template: string; output: string },
): [string, ...string[]] {
  const missing = ['PK.crt', 'KEK.crt', 'db.crt', 'GUID.txt'].filter((name) => !existsSync(join(keyFolder, name)));
  if (missing.length > 0) {
    throw new CodedError('BAD_SECURE_BOOT_KEYS', `${keyFolder} lacks ${missing.join(', ')}`, {
      hint: 'make Secure Boot keys first',
    });
  }
  const owner = readFileSync(join(keyFolder, 'GUID.txt'), 'utf8').trim();
  const key = (option: string, name: string) => [option, owner, join(keyFolder, name)];
  return [
    program,
    ...['--input', files.template, '--output', files.output, '--secure-boot'],
    ...key('--set-pk', 'PK.crt'),
    ...key('--add-kek', 'KEK.crt'),
    ...key('--add-db', 'db.crt'),
  ];
}

/** Makes a firmware variable store with the keys of a folder enrolled. The program is BCVK_VIRT_FW_VARS or on PATH. */
export async function enrolKeys(
  keyFolder: string,
  files: { template: string; output: string },
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const program = env.BCVK_VIRT_FW_VARS || 'virt-fw-vars';
  await run(enrolArguments(program, keyFolder, files), { step: 'enrol the Secure Boot keys' });
}
