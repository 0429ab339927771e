import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { listSysextVersions, makeSysextVersion, type SysextSources } from './sysext.ts';

let sources: SysextSources;

beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), 'sysext-'));
  sources = { folder: join(root, 'sysext'), guest: join(root, 'guest'), rootfs: join(root, 'rootfs') };
  mkdirSync(join(sources.guest, 'usr/bin'), { recursive: true });
  mkdirSync(join(sources.guest, 'usr/lib/bootc/node_modules/koffi'), { recursive: true });
  writeFileSync(join(sources.guest, 'usr/lib/bootc/node'), 'runtime');
  writeFileSync(join(sources.guest, 'usr/lib/bootc/runtime-id'), 'r1\n');
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
  const release = readFileSync(join(tree, 'lib/extension-release.d/extension-release.bootc'), 'utf8');
  expect(release).toMatch(/^ID=_any\nSYSTEM_FILES=[0-9a-f]{12}-r1\n$/);
  expect(readFileSync(join(tree, 'bin/bootc'), 'utf8')).toBe('program');
  expect(existsSync(join(tree, 'lib/systemd/system/a.service'))).toBe(true);
  expect(existsSync(join(tree, 'lib/dracut'))).toBe(false);
});

test('the runtime is an extension of its own, beside the program', async () => {
  await build('aaaa', 0);
  const runtime = join(sources.folder, 'current/bootc-runtime/usr/lib');
  expect(readdirSync(join(runtime, 'bootc')).sort()).toEqual(['node', 'node_modules', 'runtime-id']);
  expect(existsSync(join(runtime, 'extension-release.d/extension-release.bootc-runtime'))).toBe(true);
  expect(readdirSync(join(sources.folder, 'current/bootc/usr/lib/bootc'))).toEqual(['build-id']);
  // The program is linked, so what it is made of stays where it was.
  expect(existsSync(join(sources.guest, 'usr/lib/bootc/node'))).toBe(true);
});

test('a change beside the program makes a new version', async () => {
  const names = [(await build('aaaa', 0)).name];
  const unit = join(sources.rootfs, 'usr/lib/systemd/system/a.service');
  writeFileSync(unit, '[Unit]\nAfter=b\n');
  names.push((await build('aaaa', 1)).name);
  chmodSync(unit, 0o600);
  names.push((await build('aaaa', 2)).name);
  writeFileSync(join(sources.guest, 'usr/lib/bootc/runtime-id'), 'r2\n');
  names.push((await build('aaaa', 3)).name);
  writeFileSync(join(sources.rootfs, 'usr/lib/dracut/x'), 'not in an extension');
  names.push((await build('aaaa', 4)).name);
  expect(names.map((name) => name.slice(6, 21))).toEqual([
    '20261124-150000',
    '20261124-150001',
    '20261124-150002',
    '20261124-150003',
    '20261124-150003',
  ]);
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
