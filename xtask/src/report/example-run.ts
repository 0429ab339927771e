import type { PlanReport, RunReport } from './plan-report.ts';

const folder = '/repo/target/runs/20261124-150203-k3x9a0bz';

/** For tests: a plan that passed. */
export const passedPlan: PlanReport = {
  plan: '/plans/readonly',
  vm: 'bootc-tmt-k3x9a0bz-plans-readonly',
  folder: `${folder}/composefs/plans-readonly`,
  outcome: 'passed',
  phases: [
    { name: 'install', startedAt: '2026-11-24T15:03:03.000Z', durationMs: 41_000 },
    { name: 'boot', startedAt: '2026-11-24T15:03:44.000Z', durationMs: 65_200 },
    { name: 'tests', startedAt: '2026-11-24T15:04:49.200Z', durationMs: 30_000 },
  ],
  tests: [
    { name: '/tests/readonly/status', result: 'pass', durationMs: 4000, note: '', outputFile: 'tmt/status/output.txt' },
    { name: '/tests/readonly/tpm', result: 'skip', durationMs: 0, note: 'no TPM', outputFile: undefined },
  ],
};

const broken: PlanReport = {
  ...passedPlan,
  plan: '/plans/rollback',
  vm: 'bootc-tmt-k3x9a0bz-plans-rollback',
  folder: `${folder}/composefs/plans-rollback`,
  outcome: 'failed',
  failure: {
    class: 'test',
    code: 'TEST_FAILED',
    phase: 'tests',
    message: '1 of 1 tests failed: /tests/rollback ended with fail',
    hint: undefined,
    command: "tmt run --id=/tmp/x plan '--name=^/plans/rollback$'",
    tailOf: 'output of /tests/rollback',
    tail: ['FAIL: the old deployment boots', '    expected: <a> & "b"'],
  },
  tests: [
    { name: '/tests/rollback', result: 'fail', durationMs: 9000, note: 'exit 1', outputFile: 'tmt/r/output.txt' },
  ],
};

const dead: PlanReport = {
  ...passedPlan,
  plan: '/plans/upgrade',
  vm: 'bootc-tmt-k3x9a0bz-plans-upgrade',
  folder: `${folder}/composefs/plans-upgrade`,
  outcome: 'failed',
  failure: {
    class: 'product',
    code: 'GUEST_PANIC',
    phase: 'boot',
    message: 'guest bootc-tmt-k3x9a0bz-plans-upgrade kernel panicked after 9 s, in phase kernel',
    hint: 'the lines before the panic name the cause',
    command: undefined,
    tailOf: 'console',
    tail: ['Linux version 7.2', 'Kernel panic - not syncing: \x1b no init'],
  },
  phases: passedPlan.phases.slice(0, 2),
  tests: [],
};

/** For tests: a run with a plan that passed, one with a failed test, one whose guest died, and one left out, and one that did not run. */
export const exampleRun: RunReport = {
  id: '20261124-150203-k3x9a0bz',
  folder,
  cell: 'composefs/systemd/bls/unsealed/ext4',
  image: 'localhost/bootc',
  startedAt: '2026-11-24T15:02:03.000Z',
  durationMs: 240_000,
  machine: 'bcvk: bundled (no bcvk on PATH); guests run by tcg',
  phases: [{ name: 'build', startedAt: '2026-11-24T15:02:03.000Z', durationMs: 58_000 }],
  plans: [passedPlan, broken, dead],
  leftOut: [{ plan: '/plans/ostree', why: 'it does not work with composefs yet' }],
  notRun: ['/plans/install'],
};
