import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { removeOldSystem } from './remove-old-system.ts';

let root: string;
let physicalRoot: string;
const marker = () => join(root, 'etc/bootc-destructive-cleanup');
const ours = ['.bootc-aleph.json', 'boot', 'composefs', 'lost+found', 'ostree', 'state'];

function layOut(): void {
  for (const name of ['composefs/objects', 'state/deploy', 'ostree/bootc', 'boot/efi', 'lost+found'])
    mkdirSync(join(physicalRoot, name), { recursive: true });
  for (const name of ['usr/bin', 'etc', 'home/user', 'data/mounted', 'ostree/repo/objects'])
    mkdirSync(join(physicalRoot, name), { recursive: true });
  for (const name of ['.bootc-aleph.json', 'usr/bin/sh', 'etc/passwd', 'swapfile', 'ostree/bootc/kept'])
    writeFileSync(join(physicalRoot, name), '');
  mkdirSync(join(root, 'etc'), { recursive: true });
  writeFileSync(marker(), '');
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'old-system-'));
  physicalRoot = join(root, 'sysroot');
  layOut();
});
afterEach(() => rmSync(root, { recursive: true }));

const remove = () => removeOldSystem({ root, physicalRoot, mounts: [] });

test('all that is not of the new system goes, and the marker with it', async () => {
  const removed = await remove();
  expect(removed.map((path) => path.replace(`${physicalRoot}/`, ''))).toEqual([
    'data',
    'etc',
    'home',
    'ostree/repo',
    'swapfile',
    'usr',
  ]);
  expect(readdirSync(physicalRoot).sort()).toEqual(ours);
  expect(existsSync(join(physicalRoot, 'ostree/bootc/kept'))).toBe(true);
  expect(existsSync(marker())).toBe(false);
});

test('without the marker nothing is touched', async () => {
  rmSync(marker());
  const before = readdirSync(physicalRoot, { recursive: true });
  expect(await remove()).toEqual([]);
  expect(readdirSync(physicalRoot, { recursive: true })).toEqual(before);
});

test('a folder that holds a mount point stays', async () => {
  const mount = { mountPoint: join(physicalRoot, 'data/mounted') } as never;
  await removeOldSystem({ root, physicalRoot, mounts: [mount] });
  expect(readdirSync(physicalRoot).sort()).toEqual([
    '.bootc-aleph.json',
    'boot',
    'composefs',
    'data',
    ...ours.slice(3),
  ]);
});

test('stopped anywhere, it is gone on with', async () => {
  const stops = await stopAtEveryMutation({
    prepare: layOut,
    act: remove,
    afterStop: async () => {
      await remove();
      expect(readdirSync(physicalRoot).sort()).toEqual(ours);
      expect(existsSync(marker())).toBe(false);
    },
  });
  expect(stops.length).toBeGreaterThan(5);
});
