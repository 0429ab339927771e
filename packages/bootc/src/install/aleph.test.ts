import { expect, test } from 'vitest';
import { type Aleph, formatAleph } from './aleph.ts';

const aleph: Aleph = {
  source: { transport: 'containers-storage', image: 'localhost/os' },
  target: { transport: 'registry', image: 'registry.example/os:stable' },
  manifestDigest: `sha256:${'12'.repeat(32)}`,
  labels: { 'org.example.b': '2', 'org.example.a': '1' },
  version: '13.1',
  timestamp: '2026-11-24T14:17:04Z',
  kernel: '6.12.1-amd64',
  selinux: 'host-disabled',
};

test('the record in canonical form', () => {
  expect(formatAleph(aleph)).toBe(
    `{"digest":"sha256:${'12'.repeat(32)}","image":"containers-storage:localhost/os","kernel":"6.12.1-amd64",` +
      '"labels":{"org.example.a":"1","org.example.b":"2"},"selinux":"host-disabled",' +
      '"target-image":"registry.example/os:stable","timestamp":"2026-11-24T14:17:04Z","version":"13.1"}',
  );
});

test('a temporary source and absent labels are left out, what is unknown is null', () => {
  const bare = {
    ...aleph,
    source: { transport: 'oci', image: '/var/tmp/image' } as const,
    labels: {},
    version: undefined,
    timestamp: undefined,
  };
  expect(Object.entries(JSON.parse(formatAleph(bare)))).toEqual([
    ['digest', aleph.manifestDigest],
    ['kernel', '6.12.1-amd64'],
    ['selinux', 'host-disabled'],
    ['target-image', 'registry.example/os:stable'],
    ['timestamp', null],
    ['version', null],
  ]);
});
