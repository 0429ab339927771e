import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mountAt, readMountTable } from '../storage/mount-table.ts';
import { layUsrOverlay, type UsrOverlayPlace } from './usr-overlay.ts';

let folder: string;
let place: UsrOverlayPlace;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'usr-overlay-'));
  place = { usr: join(folder, 'usr'), runtime: join(folder, 'run') };
  mkdirSync(place.usr);
  writeFileSync(join(place.usr, 'file'), 'of the image');
});
afterEach(async () => {
  await run(['umount', place.usr], { step: 'unmount', okExitCodes: [0, 32] });
  rmSync(folder, { recursive: true });
});

test('changes are in memory, and nothing but the overlay stays mounted', async () => {
  expect(await layUsrOverlay({ isReadOnly: false }, place)).toBe(true);
  writeFileSync(join(place.usr, 'file'), 'changed');
  const mounts = (await readMountTable('/')).filter((mount) => mount.mountPoint.startsWith(folder));
  expect(mounts).toHaveLength(1);
  expect(mounts[0]).toMatchObject({ mountPoint: place.usr, filesystem: 'overlay', source: 'transient' });
  expect(statSync(place.usr).mode & 0o777).toBe(0o755);
  await run(['umount', place.usr], { step: 'unmount' });
  expect(readFileSync(join(place.usr, 'file'), 'utf8')).toBe('of the image');
});

test('it is laid once', async () => {
  expect(await layUsrOverlay({ isReadOnly: false }, place)).toBe(true);
  expect(await layUsrOverlay({ isReadOnly: true }, place)).toBe(false);
  writeFileSync(join(place.usr, 'new'), '');
});

test('a read-only one is not written to, until it is remounted', async () => {
  await layUsrOverlay({ isReadOnly: true }, place);
  expect(() => writeFileSync(join(place.usr, 'new'), '')).toThrow('EROFS');
  expect(mountAt(await readMountTable('/'), place.usr)?.options).toContain('ro');
  await run(['mount', '-o', 'remount,rw', place.usr], { step: 'remount' });
  writeFileSync(join(place.usr, 'new'), '');
});
