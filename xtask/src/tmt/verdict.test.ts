import { CommandError } from '@workbench/run';
import { expect, test } from 'vitest';
import type { TestReport } from '../report/plan-report.ts';
import { GuestDeath } from '../vm/guest-death.ts';
import { type Evidence, judge } from './verdict.ts';

function testReport(result: TestReport['result'], note = ''): TestReport {
  return { name: `/tests/${result}`, result, durationMs: 0, note, outputFile: undefined };
}

const good: Evidence = {
  tmtError: undefined,
  tmtExitCode: 0,
  results: [testReport('pass')],
  death: undefined,
  tokenSeen: true,
  guestAnswers: true,
};

const panic = new GuestDeath('GUEST_PANIC', 'guest vm kernel panicked', {
  class: 'product',
  phase: 'system',
  evidence: 'Kernel panic',
  consoleTail: [],
});
const crash = new CommandError('tmt was killed by SIGSEGV', { failure: 'signal' });
const hang = new CommandError('tmt did not finish', { failure: 'timed-out' });
const hung = { tmtError: hang, tmtExitCode: undefined };

test('a plan passed when all agree', () => {
  expect(judge(good)).toEqual({ outcome: 'passed' });
  expect(judge({ ...good, results: [testReport('pass'), testReport('info'), testReport('skip')] })).toEqual({
    outcome: 'passed',
  });
});

test('a plan whose tests all skip themselves is skipped, which is not passed', () => {
  expect(judge({ ...good, tmtExitCode: 4, results: [testReport('skip')], tokenSeen: false })).toEqual({
    outcome: 'skipped',
  });
});

test.each<[string, Partial<Evidence>, string, string]>([
  ['no token', { tokenSeen: false }, 'infrastructure', 'TOKEN_MISSING'],
  ['no results though tmt says passed', { results: [] }, 'infrastructure', 'NO_RESULTS'],
  ['no results', { results: [], tmtExitCode: 3, tokenSeen: false }, 'infrastructure', 'NO_RESULTS'],
  ['a failed test', { results: [testReport('pass'), testReport('fail')], tmtExitCode: 1 }, 'test', 'TEST_FAILED'],
  ['a failed test, with token', { results: [testReport('fail')], tmtExitCode: 0 }, 'test', 'TEST_FAILED'],
  ['a warning', { results: [testReport('warn')], tmtExitCode: 1 }, 'test', 'TEST_FAILED'],
  ['an error', { results: [testReport('error')], tmtExitCode: 2 }, 'test', 'TEST_ERROR'],
  ['a test that hung', { results: [testReport('error', 'timeout')], tmtExitCode: 2 }, 'test', 'TEST_TIMED_OUT'],
  ['a test that did not run', { results: [testReport('pending')], tmtExitCode: 2 }, 'infrastructure', 'TEST_NOT_RUN'],
  ['tmt that crashed', { tmtError: crash, tmtExitCode: undefined, results: [] }, 'infrastructure', 'TMT_CRASHED'],
  ['tmt that crashed after all passed', { tmtError: crash, tmtExitCode: undefined }, 'infrastructure', 'TMT_CRASHED'],
  ['tests that hang in a guest that lives', { ...hung, results: [] }, 'test', 'TMT_TIMED_OUT'],
  ['a test that hangs in a guest that lives', { ...hung, results: [testReport('pending')] }, 'test', 'TMT_TIMED_OUT'],
  ['a test that failed before others hang', { ...hung, results: [testReport('fail')] }, 'test', 'TEST_FAILED'],
  ['a guest that no ssh reaches', { ...hung, guestAnswers: false }, 'infrastructure', 'TMT_TIMED_OUT'],
  [
    'a guest that no ssh reaches in a test',
    { ...hung, guestAnswers: false, results: [testReport('pending')] },
    'infrastructure',
    'TMT_TIMED_OUT',
  ],
  [
    'tmt that failed beside tests that skip themselves',
    { results: [testReport('skip')], tmtExitCode: 2 },
    'infrastructure',
    'TMT_DISAGREES',
  ],
  ['tmt that disagrees', { tmtExitCode: 2 }, 'infrastructure', 'TMT_DISAGREES'],
  ['a guest that died, whatever tmt says', { death: panic }, 'product', 'GUEST_PANIC'],
  ['a guest that died and took tmt with it', { death: panic, tmtError: crash }, 'product', 'GUEST_PANIC'],
])('%s is never a pass', (_what, change, ofClass, code) => {
  expect(judge({ ...good, ...change })).toMatchObject({ outcome: 'failed', failure: { class: ofClass, code } });
});

test('the first failed test is named, before one that merely warned', () => {
  const verdict = judge({ ...good, results: [testReport('warn'), testReport('fail', 'exit 1')], tmtExitCode: 1 });
  expect(verdict).toMatchObject({
    failure: { message: '2 of 2 tests failed: /tests/fail ended with fail (exit 1)' },
    failedTest: { name: '/tests/fail' },
  });
});
