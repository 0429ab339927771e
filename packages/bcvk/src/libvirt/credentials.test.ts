import { expect, test } from 'vitest';
import { guestCredentials, mountUnitName, rootKeyTmpfiles } from './credentials.ts';

function decoded(credentials: readonly string[]): string {
  return credentials
    .map((credential) => {
      const [, name, content] = /^io\.systemd\.credential\.binary:([^=]+)=(.*)$/.exec(credential)!;
      return `### ${name}\n${Buffer.from(content!, 'base64').toString()}`;
    })
    .join('\n');
}

test('a guest with mounts, storage and journal streams', async () => {
  const credentials = guestCredentials({
    sshPublicKey: 'ssh-ed25519 AAAA vm-one\n',
    mounts: [
      { tag: 'bcvk-bind-0', guestPath: '/mnt/a-b', readOnly: false },
      { tag: 'hoststorage', guestPath: '/run/host-container-storage', readOnly: true },
    ],
    hasHostStorage: true,
    streamsJournal: true,
    isEmulated: true,
  });
  await expect(decoded(credentials)).toMatchFileSnapshot('./golden/credentials.txt');
});

test('a plain guest gets a key and nothing else', () => {
  const none = { mounts: [], hasHostStorage: false, streamsJournal: false, isEmulated: false };
  const credentials = guestCredentials({ sshPublicKey: 'k', ...none });
  expect(decoded(credentials)).toBe(`### tmpfiles.extra\n${rootKeyTmpfiles('k')}`);
  expect(rootKeyTmpfiles('k')).toContain(`authorized_keys 0600 - - - ${Buffer.from('k\n').toString('base64')}`);
});

test.each([
  ['/mnt/data', 'mnt-data.mount'],
  ['/mnt/test-rw', 'mnt-test\\x2drw.mount'],
  ['/run//x/', 'run-x.mount'],
  ['/.hidden', '\\x2ehidden.mount'],
  ['/ä', '\\xc3\\xa4.mount'],
  ['/', '-.mount'],
])('the mount unit of %s', (path, name) => expect(mountUnitName(path)).toBe(name));
