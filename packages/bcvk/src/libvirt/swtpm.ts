import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CodedError } from '@workbench/run';

/**
 * Refuses a TPM where its programs are not there, which libvirt would say only after the installation.
 *
 * @throws CodedError SWTPM_NOT_FOUND
 */
export function requireSwtpm(env: NodeJS.ProcessEnv): void {
  const folders = (env.PATH ?? '').split(delimiter);
  const missing = ['swtpm', 'swtpm_setup'].filter((name) => !folders.some((folder) => existsSync(join(folder, name))));
  if (missing.length === 0) return;
  throw new CodedError('SWTPM_NOT_FOUND', `a TPM needs ${missing.join(' and ')}`, {
    hint: 'install the packages swtpm and swtpm-tools, or add --disable-tpm',
  });
}
