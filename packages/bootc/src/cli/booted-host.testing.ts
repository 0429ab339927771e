import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { run } from '@workbench/run';
import { expect } from 'vitest';
import type { UpdateSystem } from '../operations/update-system.testing.ts';

const hostScript = new URL('../../../../bench/booted-host.sh', import.meta.url).pathname;
const bundleScript = new URL('../../bundle.ts', import.meta.url).pathname;

/** What looks to the program like a host that booted a system, in a mount namespace that is gone when this is disposed. */
export interface BootedTestHost extends Disposable {
  /** Runs a shell command beside the program, seeing what all others of that host see. It may fail with the usual exit codes. */
  run(command: string, input?: string): ReturnType<typeof run>;
  /** Runs bootc and returns what it printed: where it is to fail with 1, the error. */
  bootc(args: readonly string[], options?: { exitCode?: number; input?: string }): Promise<string>;
}

/** Bundles the program into a folder as an image has it. */
export async function bundleProgram(directory: string): Promise<void> {
  await run([process.execPath, bundleScript, `--output=${directory}`], { step: 'bundle bootc' });
}

/** Starts what looks like a host that booted a system, as root; bench/booted-host.sh says of what it is made. */
export async function startBootedHost(system: UpdateSystem, programDirectory: string): Promise<BootedTestHost> {
  const argv = ['-m', 'sh', hostScript, system.directory, system.booted.id, programDirectory];
  const host: ChildProcess = spawn('unshare', [...argv, 'sh', '-c', 'echo ready; exec sleep 3600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(host.stdout!, 'data');
  const runInHost: BootedTestHost['run'] = async (command, input) => {
    const enter = ['nsenter', `--target=${host.pid}`, '--mount', '--root', '--wd', 'sh', '-c', command] as const;
    const options = { step: command, okExitCodes: [0, 1, 2, 143], ...(input === undefined ? {} : { input }) };
    return await run(enter, options);
  };
  return {
    run: runInHost,
    bootc: async (args, { exitCode = 0, input } = {}) => {
      const result = await runInHost(`bootc ${args.map(quote).join(' ')}; exit $?`, input);
      expect({ args, exitCode: result.exitCode, stderr: result.stderr }).toMatchObject({ exitCode });
      if (exitCode === 1) expect(result.stderr).toMatch(/^error: /m);
      return exitCode === 1 ? result.stderr : result.stdout;
    },
    [Symbol.dispose]: () => void host.kill(),
  };
}

function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
