import { readFile } from 'node:fs/promises';
import { CodedError } from '@workbench/run';

/** Folder and name of the tmpfiles.d(5) configuration, in the deployment's `/etc`. */
export const rootSshConfiguration = { directory: 'tmpfiles.d', name: 'bootc-root-ssh.conf' } as const;

/**
 * The text of an authorized_keys file that root shall have in the installed system.
 *
 * @throws CodedError `SSH_KEYS_UNREADABLE` when it cannot be read, `SSH_KEYS_EMPTY` when it holds no key.
 */
export async function readAuthorizedKeys(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CodedError('SSH_KEYS_UNREADABLE', `${path}: the authorized keys of root cannot be read`, {
      hint: 'check the path given as --root-ssh-authorized-keys',
      cause,
    });
  });
  if (text.split('\n').every((line) => line.trim() === '' || line.trim().startsWith('#'))) {
    throw new CodedError('SSH_KEYS_EMPTY', `${path} holds no key`, { hint: 'it needs one public key a line' });
  }
  return text;
}

/**
 * tmpfiles.d(5) lines that write the keys where there are none yet. Root's home is in `/var`, which is not part of a
 * deployment, so the file is made when the system boots.
 */
export function formatRootSshConfiguration(authorizedKeys: string): string {
  const encoded = Buffer.from(authorizedKeys).toString('base64');
  return `d /root/.ssh 0700 root root -\nf~ /root/.ssh/authorized_keys 0600 root root - ${encoded}\n`;
}
