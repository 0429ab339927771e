import { run } from '@workbench/run';
import { expect, test } from 'vitest';
import { remoteCommand } from './guest-session.ts';

const anyExitCode = Array.from({ length: 256 }, (_, code) => code);

/** Runs what the guest's shell is given, in a group of its own, and interrupts that as a terminal does. */
async function exitCodeOf(command: readonly string[], { interrupt }: { interrupt: boolean }): Promise<number> {
  let group = 0;
  const { exitCode } = await run(['setsid', 'bash', '-c', remoteCommand(command, true) ?? ''], {
    step: 'run it',
    okExitCodes: anyExitCode,
    onStart: (pid) => {
      group = pid;
    },
    onLine: () => interrupt && process.kill(-group, 'SIGINT'),
  });
  return exitCode;
}

test('a command on a terminal has its own exit code, and 130 after Ctrl-C', async () => {
  expect(await exitCodeOf(['exit 7'], { interrupt: false })).toBe(7);
  expect(await exitCodeOf(['sh', '-c', 'exit 3'], { interrupt: false })).toBe(3);
  expect(await exitCodeOf(['echo up; sleep 60'], { interrupt: true })).toBe(130);
  expect(await exitCodeOf(['sh', '-c', 'echo up; exec sleep 60'], { interrupt: true })).toBe(130);
});

test('without a terminal a command reaches the guest as it is, and without a command there is a login shell', () => {
  expect(remoteCommand(['bootc', 'a b'], false)).toBe("bootc 'a b'");
  expect(remoteCommand(['echo $HOME'], false)).toBe('echo $HOME');
  expect(remoteCommand([], true)).toBeUndefined();
});
