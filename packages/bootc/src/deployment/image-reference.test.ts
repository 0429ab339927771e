import { expect, test } from 'vitest';
import {
  displayReference,
  formatOriginReference,
  formatTransportReference,
  parseOriginReference,
  parseTransport,
  parseTransportReference,
} from './image-reference.ts';

test.each([
  ['docker://quay.io/example/os:latest', 'registry', 'quay.io/example/os:latest'],
  ['containers-storage:localhost/os', 'containers-storage', 'localhost/os'],
  ['oci:/srv/image:tag', 'oci', '/srv/image:tag'],
  ['dir:/x', 'dir', '/x'],
] as const)('%s', (text, transport, image) => {
  const reference = parseTransportReference(text);
  expect(reference).toEqual({ transport, image });
  expect(formatTransportReference(reference)).toBe(text);
});

test('a registry reference may be called registry, and is shown by its name alone', () => {
  const reference = parseTransportReference('registry:a/b');
  expect(formatTransportReference(reference)).toBe('docker://a/b');
  expect(displayReference(reference)).toBe('a/b');
  expect(displayReference({ transport: 'oci', image: '/a' })).toBe('oci:/a');
});

test.each(['', 'plain', 'docker:a', 'docker://', 'blah://x', 'oci:'])('%j is refused', (text) => {
  expect(() => parseTransportReference(text)).toThrow(/no image reference/);
});

test.each([
  ['ostree-unverified-image:docker://a/b:c', 'unverified', 'registry'],
  ['ostree-image-signed:containers-storage:a', 'containerPolicy', 'containers-storage'],
  ['ostree-remote-image:origin:docker://a', { ostreeRemote: 'origin' }, 'registry'],
] as const)('origin reference %s', (text, signature, transport) => {
  const reference = parseOriginReference(text);
  expect(reference).toMatchObject({ signature, transport });
  expect(formatOriginReference(reference)).toBe(text);
});

test('the registry schemes are understood and written as image schemes', () => {
  const write = (text: string): string => formatOriginReference(parseOriginReference(text));
  expect(write('ostree-unverified-registry:a/b')).toBe('ostree-unverified-image:docker://a/b');
  expect(write('ostree-remote-registry:r:a/b')).toBe('ostree-remote-image:r:docker://a/b');
});

test('transports on the command line', () => {
  expect(parseTransport('docker')).toBe('registry');
  expect(parseTransport('oci-archive')).toBe('oci-archive');
  expect(() => parseTransport('ftp')).toThrow('unknown image transport "ftp"');
});
