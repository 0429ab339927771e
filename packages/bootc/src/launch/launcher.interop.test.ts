import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { needsPrivateMounts } from '../cli/private-mount-verbs.ts';
import { launcherText } from './launcher.ts';

const folder = dirSync({ unsafeCleanup: true });
afterAll(() => folder.removeCallback());

const library = join(folder.name, 'library');
const markers = ['run/.containerenv', '.dockerenv', 'run/systemd/container'];

function put(name: string, content: string, mode = 0o644): string {
  const path = join(folder.name, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

const launcher = put('bootc', launcherText({ library, root: folder.name }), 0o755);
const generator = put('bootc-systemd-generator', launcherText({ library, root: folder.name }), 0o755);
put('proc/1', '');
// Tells in which mount namespace and with what it was started.
put('library/node', '#!/bin/sh\nreadlink /proc/self/ns/mnt\nprintf "%s\\n" "$_ostree_unshared" "$@"\n', 0o755);

async function start(args: readonly string[], env: NodeJS.ProcessEnv = {}, program = launcher) {
  const { stdout } = await run([program, ...args], { step: 'start it', env: { PATH: process.env.PATH, ...env } });
  const [namespace, guard, file, ...given] = stdout.split('\n').slice(0, -1);
  return { namespace, guard, file, given };
}

async function ownNamespace(): Promise<string> {
  return (await run(['readlink', '/proc/self/ns/mnt'], { step: 'read it' })).stdout.trim();
}

test.each([
  ['status', '--json'],
  ['--verbose', 'status'],
  ['switch', 'an image', '*'],
  ['internals', 'fsck'],
  ['internals', '--x', 'repair'],
  ['internals', 'cfs', 'fsck'],
  ['internals'],
  ['upgrade', '--help'],
  ['status', '-h'],
  ['install', 'to-disk', 'status'],
  ['--version'],
  [],
])('on a booted host a namespace is made for the same command lines as by the program: %s %s %s', async (...args) => {
  put('proc/cmdline', 'quiet composefs=abc root=x\n');
  const isPrivate = needsPrivateMounts(args);
  const started = await start(args);
  expect(started).toMatchObject({ guard: isPrivate ? '1' : '', file: join(library, 'bootc.cjs'), given: args });
  expect(started.namespace !== (await ownNamespace())).toBe(isPrivate);
});

test.each(['composefs=abc', 'a\tcomposefs=?abc', 'a composefs='])(
  'a command line of a booted host: %s',
  async (line) => {
    put('proc/cmdline', line);
    expect((await start(['status'])).guard).toBe('1');
  },
);

test.each(['', 'quiet\n', 'rd.composefs=abc\n', 'acomposefs=x'])('a command line of another host: %s', async (line) => {
  put('proc/cmdline', line);
  expect((await start(['status'])).guard).toBe('');
});

test.each(markers)('in a container that has %s no namespace is made', async (marker) => {
  put('proc/cmdline', 'composefs=abc');
  const path = put(marker, '');
  expect((await start(['status'])).guard).toBe('');
  rmSync(path);
});

test('no namespace is made in one that was, without unshare, or without a command line', async () => {
  put('proc/cmdline', 'composefs=abc');
  expect(await start(['status'], { _ostree_unshared: 'x' })).toMatchObject({
    guard: 'x',
    namespace: await ownNamespace(),
  });
  const bin = join(folder.name, 'bin');
  mkdirSync(bin);
  await run(['ln', '-s', '/usr/bin/readlink', '/usr/bin/printf', bin], { step: 'link tools' });
  expect((await start(['status'], { PATH: bin })).guard).toBe('');
  rmSync(join(folder.name, 'proc/cmdline'));
  expect((await start(['status'])).guard).toBe('');
});

test('by its other name it is the generator of systemd', async () => {
  expect((await start(['/run/a', '/run/b'], {}, generator)).given).toEqual([
    'internals',
    'systemd-generator',
    '/run/a',
    '/run/b',
  ]);
});

test('a descriptor that it was started with reaches the program', async () => {
  put('proc/cmdline', 'composefs=abc');
  const output = join(folder.name, 'output');
  put('library/node', '#!/bin/sh\necho progress >&3\n', 0o755);
  await run(['sh', '-c', 'exec "$0" upgrade --progress-fd=3 3>"$1"', launcher, output], { step: 'start it' });
  expect((await run(['cat', output], { step: 'read it' })).stdout).toBe('progress\n');
});
