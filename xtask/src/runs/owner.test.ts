import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { currentOwner, formatOwner, isAlive, parseOwner } from './owner.ts';

test('an owner survives being written and read, and this process is alive', () => {
  const owner = currentOwner();
  expect(parseOwner(formatOwner(owner))).toEqual(owner);
  expect(isAlive(owner)).toBe(true);
});

test('a reused process id, an earlier boot and a process that ended are not alive', async () => {
  const owner = currentOwner();
  expect(isAlive({ ...owner, startTicks: '1' })).toBe(false);
  expect(isAlive({ ...owner, bootId: '00000000-0000-0000-0000-000000000000' })).toBe(false);
  const child = spawn('sleep', ['60']);
  const pid = child.pid ?? 0;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const startTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  expect(isAlive({ ...owner, pid, startTicks })).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isAlive({ ...owner, pid, startTicks })).toBe(false);
});

test.each(['', '12', '12-13', '12-13-nope', 'a-13-00000000-0000-0000-0000-000000000000'])('%j is no owner', (text) => {
  expect(parseOwner(text)).toBeUndefined();
});
