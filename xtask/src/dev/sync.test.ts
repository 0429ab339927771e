import { chmodSync, existsSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '@workbench/run';
import { beforeEach, expect, test } from 'vitest';
import type { GuestSession } from './guest-session.ts';
import { guestFolder, useSysextVersion, useVersionScript } from './sync.ts';

const release = (id: string) => `ID=_any\nSYSTEM_FILES=${id}\n`;
const releaseFile = 'usr/lib/extension-release.d/extension-release.bootc';

/** The root of a guest in which merging an extension puts its files into /usr. */
let root: string;

function write(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
  chmodSync(join(root, path), mode);
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sync-'));
  const merge = `for e in ${root}/run/extensions/*; do cp -r $e/usr ${root}/; done; echo merged >&2`;
  write('bin/systemd-sysext', `#!/bin/sh\n[ "$1" = refresh ] && { ${merge}; }\n`, 0o755);
  write('bin/systemctl', `#!/bin/sh\necho "$*" >>${root}/systemctl.log\n`, 0o755);
  write('bin/bootc', `#!/bin/sh\necho "bootc 0.1.0 (build $(cat ${root}/usr/lib/bootc/build-id))"\n`, 0o755);
});

function addVersion(name: string, build: string, files: string, runtime: string): void {
  const version = `${guestFolder}/${name}`;
  write(`${version}/bootc/${releaseFile}`, release(files));
  write(`${version}/bootc/usr/lib/bootc/build-id`, build);
  write(`${version}/bootc-runtime/usr/lib/bootc/runtime-id`, runtime);
}

/** A session whose guest is `root`. */
const session: Pick<GuestSession, 'script'> = {
  script: (_text, options) =>
    run(['sh', '-eu'], {
      ...options,
      input: useVersionScript({ name: options.step.split(' ')[1] ?? '' }, root),
      env: { PATH: `${root}/bin:${process.env.PATH}` },
    }),
};

const use = (name: string, buildId: string) =>
  useSysextVersion(session, { name, buildId, isCurrent: true }, { folder: join(root, guestFolder) });
const linkOf = (name: string) => readlinkSync(join(root, 'run/extensions', name));

test('the runtime comes from the extension only where the system has another one', async () => {
  write('usr/lib/bootc/runtime-id', 'r1');
  addVersion('one', 'aa', 'f1', 'r1');
  await use('one', 'aa');
  expect(linkOf('bootc')).toBe(`${root}${guestFolder}/one/bootc`);
  expect(existsSync(join(root, 'run/extensions/bootc-runtime'))).toBe(false);

  addVersion('two', 'bb', 'f1', 'r2');
  await use('two', 'bb');
  expect(linkOf('bootc-runtime')).toBe(`${root}${guestFolder}/two/bootc-runtime`);

  // Once merged it follows the versions, since older ones are removed.
  addVersion('three', 'cc', 'f1', 'r2');
  await use('three', 'cc');
  expect(linkOf('bootc-runtime')).toBe(`${root}${guestFolder}/three/bootc-runtime`);
});

test('units are read again when they changed, and only then', async () => {
  write('usr/lib/bootc/runtime-id', 'r1');
  const reloads = () => existsSync(join(root, 'systemctl.log'));
  addVersion('one', 'aa', 'f1', 'r1');
  await use('one', 'aa');
  expect(reloads()).toBe(true);
  rmSync(join(root, 'systemctl.log'));
  addVersion('two', 'bb', 'f1', 'r1');
  await use('two', 'bb');
  expect(reloads()).toBe(false);
  addVersion('three', 'bb', 'f2', 'r1');
  await use('three', 'bb');
  expect(reloads()).toBe(true);
});

test('what the guest does not see, or does not run, is told', async () => {
  await expect(use('gone', 'aa')).rejects.toMatchObject({ code: 'SYNC_FOLDER_UNSEEN' });
  addVersion('one', 'aa', 'f1', 'r1');
  await expect(use('one', 'bb')).rejects.toMatchObject({ code: 'SYNC_NOT_PROVED' });
  // The right program beside the files of another version is no proof either.
  addVersion('two', 'cc', 'f2', 'r1');
  write('bin/systemd-sysext', '#!/bin/sh\n', 0o755);
  write('usr/lib/bootc/build-id', 'cc');
  await expect(use('two', 'cc')).rejects.toMatchObject({ code: 'SYNC_NOT_PROVED' });
});
