import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, lastLines, quoteCommand, type RunResult, run } from '@workbench/run';
import type { Failure, TestReport } from '../report/plan-report.ts';
import { note, progress } from '../steps/step.ts';
import { consoleHasLine } from '../vm/console-follower.ts';
import type { Machine } from '../vm/machine.ts';
import type { PlanContext, PlanOutcome } from './plan-context.ts';
import { testEnvironment } from './plans.ts';
import { readResults } from './results.ts';
import { tmtCommand, tmtEnvironment } from './tmt-command.ts';
import { judge, tmtAnswers } from './verdict.ts';

/** How long the token may take from the guest's console into the log of the host. */
const tokenGraceMs = 5000;
const tokenIntervalMs = 250;

/**
 * Runs the tests of a plan in its guest, and judges them. tmt is stopped the moment the guest dies.
 *
 * @throws the reason of the abort signal.
 */
export async function runTests(context: PlanContext, machine: Machine): Promise<PlanOutcome> {
  const nonce = randomBytes(12).toString('hex');
  const argv = commandFor(context, machine, nonce);
  const ended = await runTmtProgram(context, machine, argv);
  keepTmtFiles(context.tmtFolder, join(context.planFolder, 'tmt'), context.plan.name);
  context.signal.throwIfAborted();

  const results = readResults(join(context.planFolder, 'tmt'), context.plan.name, context.planFolder);
  const isAnswer = !(ended instanceof CommandError);
  const isTimeout = !isAnswer && ended.failure === 'timed-out';
  const guestAnswers = isTimeout && (await machine.answers());
  const verdict = judge({
    tmtError: isAnswer ? undefined : ended,
    tmtExitCode: isAnswer ? ended.exitCode : undefined,
    results,
    tokenSeen: isAnswer && (await tokenAppears(context, machine.logFolder, nonce)),
    guestAnswers,
    death: machine.monitor.death,
  });
  if (verdict.outcome !== 'failed') return { outcome: verdict.outcome, tests: results };
  const tail = tailFor(context.planFolder, verdict.failedTest, machine);
  return {
    outcome: 'failed',
    failure: { ...verdict.failure, phase: 'tests', command: quoteCommand(argv), ...tail },
    tests: results,
  };
}

function commandFor(context: PlanContext, machine: Machine, nonce: string): [string, ...string[]] {
  const { contexts, plan, tests, tmt, tmtFolder } = context;
  return tmtCommand({
    tmt,
    contexts,
    environment: testEnvironment(plan, { ...context, nonce }),
    workFolder: tmtFolder,
    target: machine.target,
    plan: plan.name,
    tests,
  });
}

async function runTmtProgram(
  context: PlanContext,
  machine: Machine,
  argv: [string, ...string[]],
): Promise<RunResult | CommandError> {
  const guestDied = new AbortController();
  void machine.monitor.died.then((death) => {
    note(death.message);
    guestDied.abort(death);
  });
  try {
    return await run(argv, {
      step: `run ${context.plan.name}`,
      cwd: context.treeFolder,
      env: tmtEnvironment(machine.deadlines.scale),
      endsWithUs: 'SIGTERM',
      okExitCodes: tmtAnswers,
      timeoutMs: machine.deadlines.planMs,
      signal: AbortSignal.any([context.signal, guestDied.signal]),
      logFile: context.commandsLog,
      onLine: showTest,
    });
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
}

/** Shows where tmt is: with `-vvv` it names each test as it starts, and each result. */
function showTest(line: string): void {
  const [, started] = /^\s+test: (\S+)$/.exec(line) ?? [];
  if (started !== undefined) progress(started);
  const [, result] = /^\s+(\d\d:\d\d:\d\d (?:pass|fail|error|warn|skip) \/.*\[\d+\/\d+\].*)$/.exec(line) ?? [];
  if (result !== undefined) note(result);
}

async function tokenAppears({ clock, signal }: PlanContext, logFolder: string, nonce: string): Promise<boolean> {
  const endsAt = clock.now() + tokenGraceMs;
  for (;;) {
    if (await consoleHasLine(logFolder, `plan-result: pass ${nonce}`)) return true;
    if (clock.now() >= endsAt) return false;
    await clock.sleep(tokenIntervalMs, signal);
  }
}

function tailFor(
  planFolder: string,
  failedTest: TestReport | undefined,
  machine: Machine,
): Pick<Failure, 'tail' | 'tailOf'> {
  const file = failedTest?.outputFile;
  if (failedTest !== undefined && file !== undefined && existsSync(join(planFolder, file))) {
    const output = readFileSync(join(planFolder, file), 'utf8');
    return { tailOf: `output of ${failedTest.name}`, tail: lastLines(output, 20) };
  }
  return { tailOf: 'console', tail: machine.monitor.death?.consoleTail ?? machine.monitor.lastLines(20) };
}

/** Keeps what tmt recorded; its copies of the tests and its sockets are not worth it. */
function keepTmtFiles(from: string, to: string, plan: string): void {
  if (!existsSync(from)) return;
  const dropped = new Set(
    ['ssh-sockets', 'scripts', `.${plan}/tree`, `.${plan}/discover`].map((path) => join(from, path)),
  );
  cpSync(from, to, { recursive: true, filter: (source) => !dropped.has(source) });
}
