import { CodedError } from '@workbench/run';
import { expect, test } from 'vitest';
import { isTransient, pullFailure } from './pull-failure.ts';

test.each([
  ['reading manifest 1 in x/os: unauthorized: authentication required', false, 'auth.json'],
  ['reading manifest latest in x/os: manifest unknown: manifest unknown', false, 'name and the tag'],
  [
    'pinging container registry x: Get "https://x/v2/": x509: certificate signed by unknown authority',
    false,
    'certs.d',
  ],
  ['writing blob: storing blob to file: write: no space left on device', false, 'free room'],
  ['reading blob sha256:00: fetching blob: received unexpected HTTP status: 503 Service Unavailable', true, 'network'],
  [
    'pinging container registry x: Get "http://x/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    true,
    'network',
  ],
  ['copying blob: read tcp: unexpected EOF', true, 'network'],
  ['toomanyrequests: slow down', true, 'wait'],
  ['something nobody has seen', false, 'podman said why'],
])('%s', (told, transient, hint) => {
  const error = pullFailure('x/os', told);
  expect(error).toMatchObject({ code: 'PULL_FAILED', hint: expect.stringContaining(hint) });
  expect(isTransient(error)).toBe(transient);
});

test('a pull that stands still or breaks off is tried again, a bug is not', () => {
  expect(isTransient(new CodedError('PULL_STALLED', ''))).toBe(true);
  expect(isTransient(new CodedError('PODMAN_MISSING', 'timeout'))).toBe(false);
  expect(isTransient(new Error('timeout'))).toBe(false);
});
