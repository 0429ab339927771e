import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { formatOwner, isAlive, ownerOf, parseOwner } from './owner.ts';

test('an owner survives being written and read, and this process is alive', () => {
  const owner = ownerOf();
  expect(parseOwner(formatOwner(owner))).toEqual(owner);
  expect(isAlive(owner)).toBe(true);
});

test('a reused process id, an earlier boot and a process that ended are not alive', async () => {
  const owner = ownerOf();
  expect(isAlive({ ...owner, startTicks: '1' })).toBe(false);
  expect(isAlive({ ...owner, bootId: '00000000-0000-0000-0000-000000000000' })).toBe(false);
  const child = spawn('sleep', ['60']);
  const other = ownerOf(child.pid);
  expect(isAlive(other)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isAlive(other)).toBe(false);
  expect(() => ownerOf(child.pid)).toThrow('does not run');
});

test.each(['', '12', '12-13', '12-13-nope', 'a-13-00000000-0000-0000-0000-000000000000'])('%j is no owner', (text) => {
  expect(parseOwner(text)).toBeUndefined();
});
