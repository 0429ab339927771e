import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { detectContainer, parseContainerEnvironment } from './containerenv.ts';

const privileged = `engine="podman-5.4.2"
name="installer"
id="0c1d"
image="localhost/os:latest"
imageid="25c4ce22"
rootless=0
graphRootMounted=1
`;

test('a privileged container knows its image', () => {
  expect(parseContainerEnvironment(privileged)).toEqual({
    engine: 'podman-5.4.2',
    name: 'installer',
    image: 'localhost/os:latest',
    imageId: '25c4ce22',
    isRootless: false,
  });
  expect(parseContainerEnvironment('rootless=1\n')).toEqual({ isRootless: true });
});

test('a container is told from a host by the marks of engines', async () => {
  const root = mkdtempSync(join(tmpdir(), 'root-'));
  expect(await detectContainer(root)).toBeUndefined();
  mkdirSync(join(root, 'run'));
  writeFileSync(join(root, '.dockerenv'), '');
  expect(await detectContainer(root)).toEqual({ isRootless: false });
  writeFileSync(join(root, 'run/.containerenv'), privileged);
  expect(await detectContainer(root)).toMatchObject({ image: 'localhost/os:latest' });
});
