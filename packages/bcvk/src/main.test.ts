import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { tryLock } from '@workbench/run/flock';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { vmLockFile } from './libvirt/vm-folder.ts';

/** For tests that start programs: on a busy machine each may take ten seconds to begin. */
const slow = { timeout: 120_000 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bcvk-main-'));
  mkdirSync(join(folder, 'bin'));
  program('virsh', 'exit 0');
  program('podman', `echo '[{"Id":"01","Digest":"sha256:02","Size":1}]'`);
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(name: string, script: string): void {
  const file = join(folder, 'bin', name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

function startBcvk(...args: string[]): ChildProcess {
  const env = {
    ...process.env,
    PATH: [join(folder, 'bin'), process.env.PATH].join(delimiter),
    BCVK_CACHE_DIR: folder,
    BCVK_STATE_DIR: folder,
    BCVK_RUNTIME_DIR: folder,
  };
  return spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { env });
}

/** What a process says, as it grows. */
function textOf(stream: ChildProcess['stdout']): { text: string } {
  const said = { text: '' };
  stream?.on('data', (data: Buffer) => {
    said.text += data.toString();
  });
  return said;
}

/** Starts the making of a VM, which waits for this process, that holds the VM's name, and says so on standard error. */
function startWaiting(): { bcvk: ChildProcess } & Disposable {
  const held = tryLock(vmLockFile(folder, 'one'), 'making VM one');
  const bcvk = startBcvk('libvirt', 'run', '--name=one', '--disable-tpm', 'localhost/bootc');
  return { bcvk, [Symbol.dispose]: () => held?.[Symbol.dispose]() };
}

/** Runs it to its end. */
async function runBcvk(...args: string[]): Promise<{ status: unknown; stdout: string; stderr: string }> {
  const bcvk = startBcvk(...args);
  const [stdout, stderr] = [textOf(bcvk.stdout), textOf(bcvk.stderr)];
  const [status] = await once(bcvk, 'close');
  return { status, stdout: stdout.text, stderr: stderr.text };
}

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s stops it in good order, with one line', slow, async (signal, status) => {
  using waiting = startWaiting();
  const said = textOf(waiting.bcvk.stderr);
  await vi.waitUntil(() => said.text.includes(`Waiting for process ${process.pid} making VM one`), { timeout: 90_000 });
  waiting.bcvk.kill(signal);
  expect(await once(waiting.bcvk, 'close')).toEqual([status, null]);
  expect(said.text).toMatch(new RegExp(`^error: stopped by ${signal} \\[INTERRUPTED\\]$`, 'm'));
});

test('so does that whoever reads its output is gone: what was begun is undone then, too', slow, async () => {
  using waiting = startWaiting();
  waiting.bcvk.stderr?.destroy();
  expect(await once(waiting.bcvk, 'exit')).toEqual([141, null]);
});

test('to-disk says without making it what would become of a disk, and never writes over one', slow, async () => {
  const disk = join(folder, 'disk.raw');
  const toDisk = (...args: string[]) => runBcvk('to-disk', 'localhost/bootc', disk, ...args);
  expect(await toDisk('--dry-run')).toEqual({ status: 0, stdout: 'would-create\n', stderr: '' });
  writeFileSync(disk, '');
  expect(await toDisk('--dry-run')).toEqual({ status: 0, stdout: 'would-regenerate\n', stderr: '' });
  expect(await toDisk()).toEqual({
    status: 1,
    stdout: '',
    stderr: `error: ${disk} exists [DISK_EXISTS]\n  help: remove it, or name another file\n`,
  });
});
