import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { listSysextVersions, makeSysextVersion, type SysextSources } from './sysext.ts';

let sources: SysextSources;

beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), 'sysext-'));
  sources = { folder: join(root, 'sysext'), guest: join(root, 'guest'), rootfs: join(root, 'rootfs') };
  mkdirSync(join(sources.guest, 'usr/bin'), { recursive: true });
  mkdirSync(join(sources.guest, 'usr/lib/bootc'), { recursive: true });
  writeFileSync(join(sources.guest, 'usr/bin/bootc'), 'program');
  mkdirSync(join(sources.rootfs, 'usr/lib/dracut'), { recursive: true });
  mkdirSync(join(sources.rootfs, 'usr/lib/systemd/system'), { recursive: true });
  writeFileSync(join(sources.rootfs, 'usr/lib/systemd/system/a.service'), '[Unit]\n');
});

function build(id: string, second: number) {
  writeFileSync(join(sources.guest, 'usr/lib/bootc/build-id'), `${id}\n`);
  return makeSysextVersion(sources, new Date(`2026-11-24T15:00:0${second}Z`));
}

test('a version is an extension that fits every system, and current points at it', async () => {
  const version = await build('aaaa', 0);
  expect(version).toEqual({ name: 'bootc-20261124-150000-aaaa', buildId: 'aaaa', isCurrent: true });
  const tree = join(sources.folder, 'current/bootc/usr');
  expect(readFileSync(join(tree, 'lib/extension-release.d/extension-release.bootc'), 'utf8')).toBe('ID=_any\n');
  expect(readFileSync(join(tree, 'bin/bootc'), 'utf8')).toBe('program');
  expect(existsSync(join(tree, 'lib/systemd/system/a.service'))).toBe(true);
  expect(existsSync(join(tree, 'lib/dracut'))).toBe(false);
});

test('two versions are kept, and the same program makes no new one', async () => {
  await build('aaaa', 0);
  await build('bbbb', 1);
  expect(await build('bbbb', 2)).toMatchObject({ name: 'bootc-20261124-150001-bbbb' });
  await build('cccc', 3);
  expect(readdirSync(sources.folder).sort()).toEqual([
    'bootc-20261124-150001-bbbb',
    'bootc-20261124-150003-cccc',
    'current',
  ]);
  expect(readlinkSync(join(sources.folder, 'current'))).toBe('bootc-20261124-150003-cccc');
  expect((await listSysextVersions(sources.folder)).map(({ buildId }) => buildId)).toEqual(['bbbb', 'cccc']);
});

test('no folder holds no versions', async () => {
  expect(await listSysextVersions('/no/such/folder')).toEqual([]);
});
