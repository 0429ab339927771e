import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { assertFreeSpace, formatBytes, freeBytes } from './free-space.ts';
import { formatManifestDifference } from './manifest-difference.ts';
import { withTag } from './retag.ts';
import { parseTarget } from './target.ts';

test.each([
  ['registry', 'quay.io/example/os:v1', 'quay.io/example/os:v2'],
  ['registry', 'quay.io/example/os', 'quay.io/example/os:v2'],
  ['registry', 'localhost:5000/os', 'localhost:5000/os:v2'],
  ['registry', `quay.io/example/os:v1@sha256:${'a'.repeat(64)}`, 'quay.io/example/os:v2'],
  ['containers-storage', 'localhost/os:v1', 'localhost/os:v2'],
  ['oci', '/var/Images/os:v1', '/var/Images/os:v2'],
  ['oci', '/var/Images/os', '/var/Images/os:v2'],
] as const)('another tag: %s:%s', (transport, image, expected) => {
  expect(withTag({ transport, image }, 'v2')).toEqual({ transport, image: expected });
});

test('a name that no origin file can hold is refused', () => {
  expect(() => parseTarget({ transport: 'oci', name: '/a#1' })).toThrow('cannot be recorded');
  expect(() => withTag({ transport: 'oci', image: '/a' }, '1#2')).toThrow('cannot be recorded');
});

test('sizes for people', () => {
  expect([0, 1, 1023, 1024, 1536, 150 * 1024 ** 2, 999_999_999_999_999].map(formatBytes)).toEqual([
    '0 B',
    '1 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '150 MiB',
    '909 TiB',
  ]);
});

test('space is looked at again after reclaiming; the error says what is needed and what is there', async () => {
  const need = { path: tmpdir(), name: '/tmp', image: 'os:1' };
  await assertFreeSpace({ ...need, neededBytes: 1 }, () => Promise.reject(new Error('nothing is to be reclaimed')));
  const free = await freeBytes(tmpdir());
  let calls = 0;
  const reclaim = async (): Promise<void> => void calls++;
  await expect(assertFreeSpace({ ...need, neededBytes: free * 4 }, reclaim)).rejects.toThrow(
    /^Insufficient free space for os:1: needs .+ on \/tmp, have .+ \(available: \d+ required: \d+\)$/,
  );
  expect(calls).toBe(1);
  await assertFreeSpace({ ...need, neededBytes: free * 2, reclaimableBytes: free * 4 }, reclaim);
  expect(calls).toBe(1);
});

test('the difference of two images, in layers', () => {
  const layer = (digest: string, size: number) => ({ mediaType: 'x', digest, size });
  const config = layer('c', 1);
  const current = { schemaVersion: 2 as const, config, layers: [layer('a', 1024), layer('b', 2048)] };
  const next = { schemaVersion: 2 as const, config, layers: [layer('a', 1024), layer('d', 4096), layer('e', 1)] };
  expect(formatManifestDifference(current, next)).toEqual([
    'Total new layers: 3    Size: 5.0 KiB',
    'Removed layers:   1    Size: 2.0 KiB',
    'Added layers:     2    Size: 4.0 KiB',
  ]);
  expect(formatManifestDifference(undefined, next)[2]).toBe('Added layers:     3    Size: 5.0 KiB');
});
