import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test, vi } from 'vitest';
import { isAlive, ownerOf } from '../runs/owner.ts';
import { workspaceRoot } from '../settings/workspace.ts';

// mmdebstrap waits for what it has started when it is told to stop, and leaves the mounts of its root if it is killed.

const folder = dirSync({ unsafeCleanup: true });
afterAll(() => folder.removeCallback());

const images = join(workspaceRoot, 'target/image');
const name = `killed-base-${process.pid}`;
mkdirSync(images, { recursive: true });
const leftovers = () => readdirSync(images).filter((entry) => entry.startsWith(name));
const mounts = () => readFileSync('/proc/self/mounts', 'utf8');

function program(called: string, script: string): void {
  writeFileSync(join(folder.name, called), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder.name, called), 0o755);
}

function makeBase() {
  const script = `
    import { ensureDebianImage } from '${join(import.meta.dirname, 'base.ts')}';
    const image = { name: 'localhost/${name}', packagesFiles: ['images/debian/sealing-packages'], hooks: [] };
    await ensureDebianImage(image, { logFile: '${folder.name}/log', signal: new AbortController().signal });`;
  const env = { ...process.env, PATH: `${folder.name}${delimiter}${process.env.PATH}` };
  return spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], { stdio: 'inherit', env });
}

test('a base that is killed while it is made leaves no process and no mount, and the next one removes its files', {
  timeout: 120_000,
}, async () => {
  const last = join(folder.name, 'imported');
  program('podman', `case "$*" in *import*) for word; do :; done; echo "$word" >'${last}' ;; *) exit 1 ;; esac`);
  // The process that is found by its argument, since its number is another one in here.
  const child = `sleep 3600.${process.pid}`;
  program(
    'mmdebstrap',
    `trap '' TERM INT; mkdir "$TMPDIR/root"; mount -t tmpfs tmpfs "$TMPDIR/root"; (trap '' TERM; exec ${child}) & echo >"$TMPDIR/begun"; wait`,
  );
  const killed = makeBase();
  const begun = () => leftovers().some((entry) => existsSync(join(images, entry, 'begun')));
  await vi.waitUntil(begun, { timeout: 60_000 });
  const sleeping = ownerOf(pidOf(child));
  const ended = once(killed, 'exit');
  killed.kill('SIGKILL');
  await ended;
  await vi.waitUntil(() => !isAlive(sleeping), { timeout: 30_000 });
  expect(mounts()).not.toContain(name);
  expect(leftovers()).toHaveLength(1);

  program('mmdebstrap', 'for word; do :; done; echo content >"$word"');
  expect(await once(makeBase(), 'exit')).toEqual([0, null]);
  expect(readFileSync(last, 'utf8').trim()).toBe(`localhost/${name}`);
  expect(leftovers()).toEqual([]);
});

function pidOf(command: string): number {
  for (const entry of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    const path = `/proc/${entry}/cmdline`;
    if (existsSync(path) && readFileSync(path, 'utf8').replaceAll('\0', ' ').trim() === command) return Number(entry);
  }
  throw new Error(`nothing runs ${command}`);
}
