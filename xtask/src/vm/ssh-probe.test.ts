import { expect, test } from 'vitest';
import { explainRefusal, sshCommand, sshRefusalOf } from './ssh-probe.ts';

test('no host key is asked for or kept, and no other key is offered', () => {
  expect(sshCommand({ port: 2222, keyFile: '/k' }).join(' ')).toBe(
    'ssh -i /k -p 2222 -oIdentitiesOnly=yes -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null ' +
      '-oLogLevel=ERROR -oConnectTimeout=30 -oBatchMode=yes root@localhost',
  );
});

test.each([
  ['ssh: connect to host localhost port 2222: Connection refused', 'refused'],
  ['kex_exchange_identification: read: Connection reset by peer', 'refused'],
  ['Connection closed by 127.0.0.1 port 2222', 'refused'],
  ['root@localhost: Permission denied (publickey).', 'no-key'],
  ['Connection timed out during banner exchange', 'silent'],
  ['something new', 'other'],
  ['', 'other'],
])('%j is %s', (stderr, kind) => {
  expect(sshRefusalOf(stderr, 2222).kind).toBe(kind);
});

test('a refusal is explained by how far the guest came', () => {
  const refusal = sshRefusalOf('Connection refused', 2222);
  expect(explainRefusal(refusal, undefined)).toBe('connection refused (port 2222)');
  expect(explainRefusal(refusal, 'initramfs')).toBe('connection refused (port 2222); the guest is in phase initramfs');
  expect(explainRefusal(refusal, 'login prompt')).toContain('is sshd enabled?');
});
