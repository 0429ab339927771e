import { expect, test } from 'vitest';
import { parseRegistryName } from './registry-name.ts';

test.each([
  ['quay.io/example/os:latest', { name: 'quay.io/example/os', tag: 'latest' }],
  ['localhost/bootc', { name: 'localhost/bootc' }],
  ['registry.example:5000/a/b_c:1.0', { name: 'registry.example:5000/a/b_c', tag: '1.0' }],
  ['busybox', { name: 'busybox' }],
  [`a/b:c@sha256:${'0'.repeat(64)}`, { name: 'a/b', tag: 'c', digest: `sha256:${'0'.repeat(64)}` }],
])('%s', (text, expected) => {
  expect(parseRegistryName(text)).toEqual(expected);
});

test.each(['blah://', '', 'A B', 'a/b:', 'a@sha256:12', 'docker://a', '-a', 'UPPER/Case'])('%j is refused', (text) => {
  expect(() => parseRegistryName(text)).toThrow('is not the name of an image in a registry');
});
