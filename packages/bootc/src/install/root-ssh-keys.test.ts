import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatRootSshConfiguration, readAuthorizedKeys } from './root-ssh-keys.ts';

test('tmpfiles writes the keys where there are none', () => {
  expect(formatRootSshConfiguration('ssh-ed25519 AAAA me\n')).toBe(
    'd /root/.ssh 0700 root root -\nf~ /root/.ssh/authorized_keys 0600 root root - c3NoLWVkMjU1MTkgQUFBQSBtZQo=\n',
  );
});

test('a missing file and a file without keys are refused early', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'keys-'));
  await expect(readAuthorizedKeys(join(directory, 'absent'))).rejects.toMatchObject({ code: 'SSH_KEYS_UNREADABLE' });
  writeFileSync(join(directory, 'empty'), '# nobody\n\n');
  await expect(readAuthorizedKeys(join(directory, 'empty'))).rejects.toMatchObject({ code: 'SSH_KEYS_EMPTY' });
});
