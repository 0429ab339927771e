import { expect, test } from 'vitest';
import { isNamed, storedNamesOf } from './image-names.ts';

test.each([
  ['quay.io/example/os', ['quay.io/example/os:latest']],
  ['quay.io/example/os:42', ['quay.io/example/os:42']],
  ['[::1]:5000/os:1', ['[::1]:5000/os:1']],
  [`localhost/x:1@sha256:${'a'.repeat(64)}`, [`localhost/x@sha256:${'a'.repeat(64)}`]],
  ['busybox', ['docker.io/library/busybox:latest', 'localhost/busybox:latest']],
  ['example/os:1', ['docker.io/example/os:1', 'localhost/example/os:1']],
  ['docker.io/busybox', ['docker.io/library/busybox:latest']],
])('%s of a registry is stored as %j', (image, names) => {
  expect(storedNamesOf({ transport: 'registry', image })).toEqual(names);
});

test('a name in container storage is first one of this machine', () => {
  const image = '[overlay@/var/lib/containers/storage+/run/x]os';
  const names = ['localhost/os:latest', 'docker.io/library/os:latest'];
  expect(storedNamesOf({ transport: 'containers-storage', image })).toEqual(names);
  expect(storedNamesOf({ transport: 'containers-storage', image: `sha256:${'b'.repeat(64)}` })).toHaveLength(2);
});

test('an image of a folder or an archive gets a name that follows from where it is', () => {
  const one = storedNamesOf({ transport: 'oci', image: '/images/os:1' });
  expect(one).toEqual([expect.stringMatching(/^localhost\/bootc-oci-[0-9a-f]{16}:latest$/)]);
  expect(storedNamesOf({ transport: 'oci', image: '/images/os:1' })).toEqual(one);
  expect(storedNamesOf({ transport: 'oci-archive', image: '/images/os:1' })).not.toEqual(one);
  expect(isNamed(one[0]!, { transport: 'oci', image: '/images/os:1' })).toBe(true);
});
