import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { isAlive, ownerOf } from '../runs/owner.ts';
import { type FakeRun, useFakeRun } from './fake-run.ts';

// A run that is killed cannot clean up. What it started ends with it, and the next run removes the rest.

let run: FakeRun;

useFakeRun((made) => {
  run = made;
});

/** Starts a run in a process of its own, which is one that can be killed. */
function startRun(): ChildProcess {
  const { signal: _signal, print: _print, world, ...options } = run.options();
  const { clock: _clock, ...places } = world ?? {};
  const script = `
    import { runTmt } from '${join(import.meta.dirname, 'run-tmt.ts')}';
    const options = ${JSON.stringify({ ...options, world: places })};
    await runTmt({ ...options, signal: new AbortController().signal });`;
  return spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], { stdio: 'ignore' });
}

/** Kills a run once this file has the id of a process that it started and waits for, and waits until that is gone too. */
async function killWhenThereIs(file: string): Promise<void> {
  const killed = startRun();
  const path = join(run.guest.folder, file);
  await vi.waitUntil(() => existsSync(path) && readFileSync(path, 'utf8').endsWith('\n'), { timeout: 60_000 });
  const child = ownerOf(Number(readFileSync(path, 'utf8')));
  const ended = once(killed, 'exit');
  killed.kill('SIGKILL');
  expect(await ended).toEqual([null, 'SIGKILL']);
  await vi.waitUntil(() => !isAlive(child), { timeout: 30_000 });
}

function textOf(file: string): string {
  return readFileSync(join(run.guest.folder, file), 'utf8').trim();
}

test.each([
  ['a VM is made', () => run.guest.onLaunch('[ -e "$folder/child" ] || { echo $$ >"$folder/child"; exec sleep 60; }')],
  [
    'tests run',
    () => run.onTmt('[ -e "$folder/child" ] || { echo $$ >"$folder/child"; exec sleep 60; }; results pass; token'),
  ],
])(
  'a run that is killed while %s leaves no process; the same command removes the rest, and passes',
  { timeout: 180_000 },
  async (_what, hang) => {
    hang();
    await killWhenThereIs('child');
    const { workPath } = JSON.parse(readFileSync(join(run.root, 'target/runs/latest/run.json'), 'utf8'));
    const vm = { name: textOf('name'), state: run.guest.state(), labels: JSON.parse(`[${textOf('labels')}]`) };
    expect([existsSync(workPath), vm.state]).toEqual([true, 'running']);

    run.guest.setList([vm]);
    expect(await run.runIt()).toBe(0);
    expect(run.guest.calls()).toContain(`libvirt rm --stop --force ${vm.name}`);
    expect([existsSync(workPath), run.guest.state()]).toEqual([false, undefined]);
  },
);
