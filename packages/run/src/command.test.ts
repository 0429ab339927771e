import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { CommandError, type RunOptions, run } from './command.ts';

async function failureOf(argv: [string, ...string[]], options: Partial<RunOptions> = {}): Promise<CommandError> {
  const error = await run(argv, { step: 'try it', ...options }).catch((thrown: unknown) => thrown);
  if (!(error instanceof CommandError)) throw new Error(`expected a CommandError, got ${String(error)}`);
  return error;
}

test('a command that succeeds gives its output, and its standard input is closed', async () => {
  const result = await run(['sh', '-c', 'cat; printf "a  b"; printf e >&2'], { step: 'print' });
  expect(result).toMatchObject({ stdout: 'a  b', stderr: 'e', exitCode: 0 });
});

test('each way to fail is worded differently', async () => {
  expect(await failureOf(['/no/such/program'])).toMatchObject({ failure: 'not-found', code: 'COMMAND_NOT_FOUND' });
  expect((await failureOf(['sh', '-c', 'exit 3'])).message).toContain('sh exited with 3');
  expect((await failureOf(['sh', '-c', 'kill -9 $$'])).message).toContain('sh was killed by SIGKILL');
  expect((await failureOf(['sleep', '9'], { timeoutMs: 50 })).message).toContain('sleep did not finish in 0.05 s');
  const controller = new AbortController();
  const aborted = failureOf(['sleep', '9'], { signal: controller.signal });
  controller.abort();
  expect((await aborted).failure).toBe('aborted');
});

test('an error shows the command as one can paste it, and the last 20 lines', async () => {
  const error = await failureOf(['sh', '-c', 'seq 1 50 >&2; exit 1']);
  expect(error.message.split('\n').slice(0, 3)).toEqual([
    'try it: sh exited with 1',
    "  + sh -c 'seq 1 50 >&2; exit 1'",
    '  | 31',
  ]);
  expect(error.message.endsWith('  | 50')).toBe(true);
});

test('an expected exit code is an answer', async () => {
  expect((await run(['sh', '-c', 'exit 4'], { step: 'ask', okExitCodes: [4] })).exitCode).toBe(4);
});

test('secrets are kept out of log and error', async () => {
  const logFile = join(mkdtempSync(join(tmpdir(), 'run-')), 'deep/commands.log');
  const error = await failureOf(['sh', '-c', 'echo hunter2 >&2; exit 1'], { redact: ['hunter2'], logFile });
  expect(error.message).not.toContain('hunter2');
  expect(readFileSync(logFile, 'utf8')).toBe("+ sh -c 'echo *** >&2; exit 1'\n***\n");
});

test('lines are reported as they come, the last one without a newline too', async () => {
  const lines: string[] = [];
  await run(['sh', '-c', 'printf "a\\nb"'], {
    step: 'print',
    onLine: (line, stream) => lines.push(`${stream} ${line}`),
  });
  expect(lines).toEqual(['stdout a', 'stdout b']);
});

test('descriptors are handed on as 3 and up, and the process is known once it runs', async () => {
  const fd = openSync('/dev/zero', 'r');
  const pids: number[] = [];
  const argv = ['sh', '-c', 'cat; printf "$$ "; readlink /proc/self/fd/3'] as const;
  const { stdout } = await run(argv, { step: 'look', fds: [fd], input: 'in ', onStart: (pid) => pids.push(pid) });
  closeSync(fd);
  expect(stdout).toBe(`in ${pids[0]} /dev/zero\n`);
});

test('a command can be made to end with this process, however that ends', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'run-'));
  const script = `
    import { run } from '${join(import.meta.dirname, 'command.ts')}';
    const argv = ['sh', '-c', 'trap "echo told >${folder}/told; exit" TERM; echo up >${folder}/up; while :; do sleep 0.05; done'];
    await run(argv, { step: 'wait', endsWithUs: 'SIGTERM' });`;
  const parent = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], { stdio: 'ignore' });
  await vi.waitUntil(() => existsSync(join(folder, 'up')), { timeout: 20_000 });
  parent.kill('SIGKILL');
  await vi.waitUntil(() => existsSync(join(folder, 'told')), { timeout: 20_000 });
  rmSync(folder, { recursive: true });
});

test('such a command is started, fails and is missed as any other', async () => {
  const endsWithUs = 'SIGTERM';
  expect((await run(['printf', '%s|', 'a  b', '--x'], { step: 'print', endsWithUs })).stdout).toBe('a  b|--x|');
  expect(await failureOf(['sh', '-c', 'exit 3'], { endsWithUs })).toMatchObject({
    failure: 'exit',
    commandExitCode: 3,
  });
  const missing = await failureOf(['/no/such/program', 'x'], { endsWithUs });
  expect(missing).toMatchObject({ failure: 'not-found', hint: 'install /no/such/program, or put it on PATH' });
  expect(missing.message).toContain('try it: /no/such/program was not found\n  + /no/such/program x');
});

test('a command that was told to stop may clean up as long as it is given', async () => {
  const script = 'trap "sleep 0.3; echo cleaned; exit 0" TERM; echo up; while :; do sleep 0.05; done';
  const stopped = async (killAfterMs: number) => {
    const controller = new AbortController();
    const options = { signal: controller.signal, killAfterMs, onLine: () => controller.abort() };
    return failureOf(['sh', '-c', script], options);
  };
  expect(await stopped(10_000)).toMatchObject({ failure: 'aborted', stdout: 'up\ncleaned\n' });
  expect(await stopped(50)).toMatchObject({ failure: 'aborted', stdout: 'up\n' });
});
