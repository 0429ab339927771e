import { appendFileSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { ConsoleFollower, consoleHasLine, consoleLogName, firmwareLogName } from './console-follower.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'console-'));
});

function print(text: string, name = consoleLogName): void {
  appendFileSync(join(folder, name), text);
}

test('logs that are not there yet are no error', async () => {
  new ConsoleFollower('/no/such/folder').poll();
  const follower = new ConsoleFollower(folder);
  follower.poll();
  expect(follower).toMatchObject({ phase: undefined, fatal: undefined });
  expect(follower.lastLines(20)).toEqual([]);
});

test('both consoles are followed, and a line written in two halves is one line', async () => {
  const follower = new ConsoleFollower(folder);
  print('BdsDxe: starting Boot0001\r\n', firmwareLogName);
  follower.poll();
  expect(follower.phase).toBe('firmware');
  print('[ 0.0] Linux ver');
  follower.poll();
  print('sion 7.2\n\n[ 1.0] Kernel pa');
  follower.poll();
  expect(follower).toMatchObject({ phase: 'kernel', fatal: undefined });
  print('nic - not syncing: no init found');
  follower.poll();
  expect(follower.fatal).toMatchObject({
    line: '[ 1.0] Kernel panic - not syncing: no init found',
    pattern: { code: 'GUEST_PANIC' },
  });
  expect(follower.lastLines(2)).toEqual([
    '[ 0.0] Linux version 7.2',
    '[ 1.0] Kernel panic - not syncing: no init found',
  ]);
});

test('the first fatal line is kept, a restart is a phase anew, a prompt without newline counts', async () => {
  const follower = new ConsoleFollower(folder);
  print('You are in emergency mode\nKernel panic - not syncing: x\n');
  follower.poll();
  expect(follower.fatal?.pattern.code).toBe('GUEST_EMERGENCY_SHELL');
  print('Linux version 7\nsystemd[1]: Switching root.\ndebian login: ');
  follower.poll();
  expect(follower.phase).toBe('login prompt');
  print('\nLinux version 7\n');
  follower.poll();
  expect(follower.phase).toBe('kernel');
});

test('failed units are named, once each, and forgotten when the guest restarts', async () => {
  const follower = new ConsoleFollower(folder);
  const failed =
    '[\x1b[0;1;31mFAILED\x1b[0m] Failed to start \x1b[0;1;39mssh.service\x1b[0m - OpenBSD Secure Shell server.\r\n';
  print(`systemd[1]: Switching root.\n${failed}[FAILED] Failed to mount /data.\n`);
  print(failed, firmwareLogName);
  follower.poll();
  expect([...follower.failedUnits]).toEqual(['ssh.service', '/data']);
  print('Linux version 7\n');
  follower.poll();
  expect(follower.failedUnits.size).toBe(0);
});

test('the last lines are those of the console that said most, or that had the fatal line', () => {
  const follower = new ConsoleFollower(folder);
  print('BdsDxe: starting Boot0001\n', firmwareLogName);
  follower.poll();
  expect(follower.lastLines(5)).toEqual(['BdsDxe: starting Boot0001']);
  print('Linux version 7\nWelcome to Debian\nvm login:');
  follower.poll();
  expect(follower.lastLines(1)).toEqual(['vm login:']);
  print('Kernel panic - not syncing: x\n', firmwareLogName);
  follower.poll();
  expect(follower.lastLines(1)).toEqual(['Kernel panic - not syncing: x']);
});

test('the lines that led to the fatal one are shown, not all that came after it', () => {
  const follower = new ConsoleFollower(folder);
  const after = Array.from({ length: 50 }, (_, n) => `Stopped target ${n}\n`).join('');
  print(`a\nthe cause\n[DEPEND] Dependency failed for sysroot.mount - Root Partition.\n${after}`);
  follower.poll();
  expect(follower.lastLines(8).slice(0, 3)).toEqual([
    'the cause',
    '[DEPEND] Dependency failed for sysroot.mount - Root Partition.',
    'Stopped target 0',
  ]);
});

test('of what systemd paints while it waits, the last is kept', () => {
  const follower = new ConsoleFollower(folder);
  print('a\n[*     ] (1 of 3) Job x running (1s / 90s)\n[**    ] (2 of 3) Job y running (2s / 90s)\nb\n');
  follower.poll();
  expect(follower.lastLines(5)).toEqual(['a', '[**    ] (2 of 3) Job y running (2s / 90s)', 'b']);
});

test('a character that two reads share is whole', () => {
  const follower = new ConsoleFollower(folder);
  const bytes = Buffer.from('udevd.serv\u2026anager\n');
  appendFileSync(join(folder, consoleLogName), bytes.subarray(0, 11));
  follower.poll();
  appendFileSync(join(folder, consoleLogName), bytes.subarray(11));
  follower.poll();
  expect(follower.lastLines(1)).toEqual(['udevd.serv\u2026anager']);
});

test('a log that began anew is read from its start', async () => {
  const follower = new ConsoleFollower(folder);
  print('a long first line\n');
  follower.poll();
  writeFileSync(join(folder, consoleLogName), 'second\n');
  follower.poll();
  expect(follower.lastLines(5)).toEqual(['a long first line', 'second']);
});

test('a whole line is looked for in all console logs', async () => {
  print('boot\n\x1b[0mplan-result: pass abc\r\n');
  expect(await consoleHasLine(folder, 'plan-result: pass abc')).toBe(true);
  expect(await consoleHasLine(folder, 'plan-result: pass ab')).toBe(false);
  expect(await consoleHasLine('/no/such/folder', 'x')).toBe(false);
});

test('a log that was moved away at its size limit is read to its end, then the new one', async () => {
  const path = join(folder, consoleLogName);
  const follower = new ConsoleFollower(folder);
  print('first\n');
  follower.poll();
  print('Kernel panic - not syncing: at the very end\nplan-result: pass abc\n');
  renameSync(path, `${path}.0`);
  follower.poll();
  print('after\n');
  follower.poll();
  expect(follower.fatal?.line).toBe('Kernel panic - not syncing: at the very end');
  print('last\n');
  renameSync(`${path}.0`, `${path}.1`);
  renameSync(path, `${path}.0`);
  print('third file\n');
  follower.poll();
  expect(follower.lastLines(9)).toEqual([
    'first',
    'Kernel panic - not syncing: at the very end',
    'plan-result: pass abc',
    'after',
    'last',
    'third file',
  ]);
  expect(await consoleHasLine(folder, 'plan-result: pass abc')).toBe(true);
});
