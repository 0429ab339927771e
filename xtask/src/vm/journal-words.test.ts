import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { JournalFollower, journalText } from './journal-words.ts';

const folder = dirSync({ unsafeCleanup: true });
afterAll(() => folder.removeCallback());

const manager = { _SYSTEMD_UNIT: 'init.scope', _PID: '1' };
const line = (entry: Record<string, unknown>) => `${JSON.stringify(entry)}\n`;

/** A follower that has read this. */
function followerOf(text: string, name = 'journal.json'): JournalFollower {
  rmSync(join(folder.name, name), { force: true });
  appendFileSync(join(folder.name, name), text);
  const follower = new JournalFollower(folder.name);
  follower.poll();
  rmSync(join(folder.name, name));
  return follower;
}

test('a unit that failed is named with what it said last', () => {
  const journal = [
    { ...manager, UNIT: 'ssh.service', MESSAGE: 'Starting ssh.service...' },
    { _SYSTEMD_UNIT: 'ssh.service', MESSAGE: 'sshd: no hostkeys available -- exiting.' },
    { ...manager, UNIT: 'ssh.service', MESSAGE: 'Failed to start ssh.service', JOB_RESULT: 'failed' },
    { ...manager, UNIT: 'silent.service', MESSAGE: 'Failed to start silent.service', JOB_RESULT: 'failed' },
  ];
  expect([...followerOf(journal.map(line).join('')).failedUnits]).toEqual([
    ['ssh.service', 'sshd: no hostkeys available -- exiting.'],
    ['silent.service', ''],
  ]);
});

test('a unit that a later try started did not fail', () => {
  const failed = { ...manager, UNIT: 'a.service', JOB_RESULT: 'failed' };
  expect(followerOf(line(failed) + line({ ...failed, JOB_RESULT: 'done' })).failedUnits.size).toBe(0);
});

test('an ordering cycle is told by systemd alone, in the initramfs or later', () => {
  const cycle = 'sysinit.target: Found ordering cycle on a.service/start';
  expect(followerOf(line({ ...manager, MESSAGE: cycle })).orderingCycle).toBe(cycle);
  expect(followerOf(line({ ...manager, MESSAGE: cycle }), 'journal-initrd.json').orderingCycle).toBe(cycle);
  expect(followerOf(line({ ...manager, _PID: '700', MESSAGE: cycle })).orderingCycle).toBeUndefined();
});

test('what is written in pieces is read once it is whole', () => {
  const path = join(folder.name, 'journal.json');
  const follower = new JournalFollower(folder.name);
  const text = line({ ...manager, MESSAGE: 'Job b.service/start deleted to break ordering cycle' });
  for (const piece of [text.slice(0, 30), text.slice(30, -1)]) {
    appendFileSync(path, piece);
    follower.poll();
    expect(follower.orderingCycle).toBeUndefined();
  }
  appendFileSync(path, '\n');
  follower.poll();
  expect(follower.orderingCycle).toContain('b.service');
});

test('what is no journal says nothing', () => {
  expect(followerOf('\n{"UNIT":"a.serv\n7\nnull\n{"MESSAGE":[1,2]}\n').failedUnits.size).toBe(0);
  const none = new JournalFollower('/no/such/folder');
  none.poll();
  expect(none.failedUnits.size).toBe(0);
});

test('a journal as text names who said what', () => {
  const lines = [
    '{"MESSAGE":"Started a.","SYSLOG_IDENTIFIER":"systemd"}',
    '{"MESSAGE":"hello\\n","_SYSTEMD_UNIT":"a.service"}',
    '{"MESSAGE":[1,2],"SYSLOG_IDENTIFIER":"x"}',
    '{"MESSAGE":"cut o',
  ];
  expect(journalText(lines.join('\n'))).toBe('systemd: Started a.\na.service: hello');
});
