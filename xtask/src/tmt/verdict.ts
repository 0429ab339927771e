import type { CommandError } from '@workbench/run';
import type { Failure, TestReport } from '../report/plan-report.ts';
import type { GuestDeath } from '../vm/guest-death.ts';

/** All that is known when tmt has ended. */
export interface Evidence {
  /** How tmt failed; undefined when it exited with a code that is an answer. */
  tmtError: CommandError | undefined;
  /** Its exit code: 0 passed, 1 a test failed, 2 errors, 3 no results, 4 all skipped; see the tmt specification. */
  tmtExitCode: number | undefined;
  results: readonly TestReport[];
  /** How the guest died while tmt ran, if it did. */
  death: GuestDeath | undefined;
  /** Whether the guest printed the token of this very run on its console. */
  tokenSeen: boolean;
  /** Whether the guest ran a command over ssh after tmt had ended. Counts only where tmt did not end in time. */
  guestAnswers: boolean;
}

/** What became of a plan. */
export type Verdict =
  | { outcome: 'passed' | 'skipped' }
  | { outcome: 'failed'; failure: Pick<Failure, 'class' | 'code' | 'message' | 'hint'>; failedTest?: TestReport };

const tmtExit = { passed: 0, failed: 1, errors: 2, noResults: 3, allSkipped: 4 } as const;

/** The exit codes of tmt that come with results. */
export const tmtAnswers = Object.values(tmtExit);

/**
 * Judges a plan. It passed only when all agree: the guest lives, tmt ended by itself and says that all tests passed, and
 * the guest printed its token. Silence is never a pass.
 */
export function judge(evidence: Evidence): Verdict {
  const { death, results, tmtError, tmtExitCode } = evidence;
  if (death !== undefined) {
    return failed({ class: death.class, code: death.code, message: death.message, hint: death.hint });
  }
  const bad = results.find(({ result }) => result === 'fail') ?? results.find(({ result }) => isBad(result));
  if (tmtError?.failure === 'timed-out' && (bad === undefined || bad.result === 'pending')) {
    return judgeTimeout(tmtError, { unfinished: bad, guestAnswers: evidence.guestAnswers });
  }
  if (bad !== undefined) return judgeTest(bad, results);
  if (tmtError !== undefined) {
    return failed({
      class: 'infrastructure',
      code: 'TMT_CRASHED',
      message: tmtError.message,
      hint: tmtError.hint,
    });
  }
  if (results.length === 0) {
    return failed({
      class: 'infrastructure',
      code: 'NO_RESULTS',
      message: `tmt exited with ${tmtExitCode} and recorded no results`,
      hint: 'does the plan select any test? commands.log has what tmt said',
    });
  }
  const allSkipped = results.every(({ result }) => result === 'skip');
  if (allSkipped && tmtExitCode === tmtExit.allSkipped) return { outcome: 'skipped' };
  if (allSkipped || tmtExitCode !== tmtExit.passed) {
    return failed({
      class: 'infrastructure',
      code: 'TMT_DISAGREES',
      message: `tmt exited with ${tmtExitCode}, though no test failed`,
      hint: 'commands.log has what tmt said',
    });
  }
  if (!evidence.tokenSeen) {
    return failed({
      class: 'infrastructure',
      code: 'TOKEN_MISSING',
      message: 'tmt says that all tests passed, but the guest never said so on its console',
      hint: 'did the last test of the plan run in this very guest, and print plan-result: pass with BOOTC_plan_nonce?',
    });
  }
  return { outcome: 'passed' };
}

function isBad(result: TestReport['result']): boolean {
  return result === 'fail' || result === 'error' || result === 'pending' || result === 'warn';
}

/** What hangs in a guest that lives is the test or the product, which another try must not hide. */
function judgeTimeout(
  tmtError: CommandError,
  { unfinished, guestAnswers }: { unfinished: TestReport | undefined; guestAnswers: boolean },
): Verdict {
  const what = unfinished?.name ?? 'the plan';
  const guest = guestAnswers ? 'though the guest answers over ssh' : 'and the guest does not answer over ssh';
  return failed(
    {
      class: guestAnswers ? 'test' : 'infrastructure',
      code: 'TMT_TIMED_OUT',
      message: `${what} did not end in time, ${guest}: ${tmtError.message}`,
      hint: 'commands.log has what ran last; the profile sets the time: plan_seconds',
    },
    unfinished,
  );
}

function judgeTest(bad: TestReport, results: readonly TestReport[]): Verdict {
  const count = results.filter(({ result }) => isBad(result)).length;
  const of = `${count} of ${results.length} tests failed`;
  const why = bad.note === '' ? '' : ` (${bad.note})`;
  const timedOut = /timeout/.test(bad.note);
  if (bad.result === 'pending') {
    return failed(
      {
        class: 'infrastructure',
        code: 'TEST_NOT_RUN',
        message: `${of}: ${bad.name} was not run to its end${why}`,
        hint: 'commands.log has what tmt said',
      },
      bad,
    );
  }
  return failed(
    {
      class: 'test',
      code: timedOut ? 'TEST_TIMED_OUT' : bad.result === 'error' ? 'TEST_ERROR' : 'TEST_FAILED',
      message: `${of}: ${bad.name} ${timedOut ? 'timed out' : `ended with ${bad.result}`}${why}`,
      hint: undefined,
    },
    bad,
  );
}

function failed(failure: Pick<Failure, 'class' | 'code' | 'message' | 'hint'>, failedTest?: TestReport): Verdict {
  return { outcome: 'failed', failure, ...(failedTest === undefined ? {} : { failedTest }) };
}
