import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { removeTree } from './remove.ts';

const folder = dirSync({ unsafeCleanup: true });
const mountPoint = join(folder.name, 'mnt');
const tool = (...argv: [string, ...string[]]) => run(argv, { step: argv[0] });

beforeAll(async () => {
  const disk = join(folder.name, 'disk');
  mkdirSync(mountPoint);
  await tool('truncate', '--size=200M', disk);
  await tool('mkfs.btrfs', '--quiet', disk);
  await tool('mount', '-o', 'loop', disk, mountPoint);
});
afterAll(async () => {
  await tool('umount', '-R', mountPoint);
  folder.removeCallback();
});

test('subvolumes of btrfs are no mounts, but what is mounted inside stays', async () => {
  const machines = join(mountPoint, 'var/lib/machines');
  mkdirSync(join(mountPoint, 'var/lib'), { recursive: true });
  // As systemd-tmpfiles makes it on a system that is in a subvolume itself.
  await tool('btrfs', 'subvolume', 'create', machines);
  writeFileSync(join(machines, 'file'), '');
  const mounted = join(machines, 'mounted');
  mkdirSync(mounted);
  await tool('mount', '-t', 'tmpfs', 'tmpfs', mounted);
  writeFileSync(join(mounted, 'kept'), '');
  await expect(removeTree(join(mountPoint, 'var'))).rejects.toMatchObject({ code: 'REMOVE_CROSSES_MOUNT' });
  expect(existsSync(join(mounted, 'kept'))).toBe(true);
  await tool('umount', mounted);
  await removeTree(join(mountPoint, 'var'));
  expect(existsSync(join(mountPoint, 'var'))).toBe(false);
});
