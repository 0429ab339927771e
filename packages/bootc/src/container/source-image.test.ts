import { expect, test } from 'vitest';
import { type InstallerSurroundings, imageOfContainer } from './source-image.ts';

const good: InstallerSurroundings = {
  container: { engine: 'podman-5.4.2', image: 'localhost/os:latest', isRootless: false },
  uid: 0,
  pid: 4711,
  initOwner: 0,
  sharesHostPids: true,
};

test('the image of a privileged container of the host', () => {
  expect(imageOfContainer(good)).toEqual({ transport: 'containers-storage', image: 'localhost/os:latest' });
});

test.each<[string, Partial<InstallerSurroundings>]>([
  ['SOURCE_REQUIRED', { container: undefined }],
  ['INSTALLER_NOT_ROOT', { uid: 1000 }],
  ['INSTALLER_ROOTLESS', { container: { image: 'x', isRootless: true } }],
  ['INSTALLER_ROOTLESS', { initOwner: 65534 }],
  ['INSTALLER_NOT_PODMAN', { container: { engine: 'docker', image: 'x', isRootless: false } }],
  ['INSTALLER_PID_NAMESPACE', { sharesHostPids: false }],
  ['INSTALLER_PID_NAMESPACE', { pid: 1 }],
  ['INSTALLER_IMAGE_UNKNOWN', { container: { isRootless: false } }],
])('%s', (code, difference) => {
  expect(() => imageOfContainer({ ...good, ...difference })).toThrow(expect.objectContaining({ code }));
});

test('outside a container the option to set is named', () => {
  expect(() => imageOfContainer({ ...good, container: undefined })).toThrow('--source-imgref must be defined');
});
