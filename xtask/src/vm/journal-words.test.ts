import { expect, test } from 'vitest';
import { failedUnitsIn, failedUnitsOf, journalText } from './journal-words.ts';

function lines(...entries: Record<string, unknown>[]): string[] {
  return entries.map((entry) => JSON.stringify(entry));
}

const manager = { _SYSTEMD_UNIT: 'init.scope' };

test('a unit that failed is named with what it said last', () => {
  const journal = lines(
    { ...manager, UNIT: 'ssh.service', MESSAGE: 'Starting ssh.service...' },
    { _SYSTEMD_UNIT: 'ssh.service', MESSAGE: 'sshd: no hostkeys available -- exiting.' },
    { ...manager, UNIT: 'ssh.service', MESSAGE: 'Failed to start ssh.service', JOB_RESULT: 'failed' },
    { ...manager, UNIT: 'silent.service', MESSAGE: 'Failed to start silent.service', JOB_RESULT: 'failed' },
  );
  expect([...failedUnitsOf(journal)]).toEqual([
    ['ssh.service', 'sshd: no hostkeys available -- exiting.'],
    ['silent.service', ''],
  ]);
});

test('a unit that a later try started did not fail', () => {
  const failed = { ...manager, UNIT: 'a.service', JOB_RESULT: 'failed' };
  expect(failedUnitsOf(lines(failed, { ...failed, JOB_RESULT: 'done' })).size).toBe(0);
});

test('what is no journal says nothing', () => {
  expect(failedUnitsOf(['', '{"UNIT":"a.serv', '7', 'null', '{"MESSAGE":[1,2]}']).size).toBe(0);
  expect(failedUnitsIn('/no/such/folder').size).toBe(0);
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
