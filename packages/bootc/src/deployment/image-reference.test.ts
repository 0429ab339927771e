import { expect, test } from 'vitest';
import {
  assertRecordable,
  displayReference,
  formatOriginReference,
  formatTransportReference,
  parseOriginReference,
  parseTransport,
  parseTransportReference,
  withAbsolutePath,
} from './image-reference.ts';
import { formatOrigin, parseOrigin } from './origin.ts';

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

test('what an origin file would give back as another image is refused', () => {
  const readBack = (image: string): string => {
    const imageReference = formatOriginReference({ transport: 'oci', image, signature: 'unverified' });
    return parseOriginReference(parseOrigin(formatOrigin({ imageReference })).imageReference!).image;
  };
  for (const image of ['/a#1', '/a;b', '/a\n[boot]', '/a ']) {
    expect(readBack(image)).not.toBe(image);
    expect(() => assertRecordable({ transport: 'oci', image })).toThrow('cannot be recorded');
  }
  expect(() => assertRecordable({ transport: 'oci', image: '' })).toThrow('cannot be recorded');
  const whole = { transport: 'oci', image: '/a b/c:d=e' } as const;
  expect(readBack(whole.image)).toBe(whole.image);
  expect(assertRecordable(whole)).toBe(whole);
});

test.each([
  ['oci', 'image', '/srv/images/image'],
  ['oci', './image:v1', '/srv/images/image:v1'],
  ['oci-archive', '../a.tar:v1', '/srv/a.tar:v1'],
  ['docker-archive', 'a.tar:quay.io/../os:latest', '/srv/images/a.tar:quay.io/../os:latest'],
  ['dir', 'a:b', '/srv/images/a:b'],
  ['oci', '/srv/../x:v1', '/srv/../x:v1'],
  ['registry', 'a/b', 'a/b'],
  ['containers-storage', 'localhost/os', 'localhost/os'],
] as const)('%s:%s is %s, seen from /srv/images', (transport, image, absolute) => {
  expect(withAbsolutePath({ transport, image }, '/srv/images')).toEqual({ transport, image: absolute });
});

test('a relative path is not recorded', () => {
  const relative = { transport: 'oci-archive', image: 'a.tar' } as const;
  expect(() => assertRecordable(relative)).toThrow('oci-archive:a.tar is a relative path');
  expect(assertRecordable({ transport: 'registry', image: 'a' })).toEqual({ transport: 'registry', image: 'a' });
});
