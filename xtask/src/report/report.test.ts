import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { expect, test } from 'vitest';
import { failureCard } from './failure-card.ts';
import { htmlPage } from './html-page.ts';
import { junitXml } from './junit.ts';
import { type PlanReport, type RunReport, runPassed } from './plan-report.ts';
import { summaryTable } from './summary-table.ts';

const folder = '/repo/target/runs/20261124-150203-k3x9a0bz';

const passed: PlanReport = {
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
  ...passed,
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
  ...passed,
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
  phases: passed.phases.slice(0, 2),
  tests: [],
};

const report: RunReport = {
  id: '20261124-150203-k3x9a0bz',
  folder,
  cell: 'composefs/systemd/bls/unsealed/ext4',
  image: 'localhost/bootc',
  startedAt: '2026-11-24T15:02:03.000Z',
  durationMs: 240_000,
  machine: 'bcvk: bundled (no bcvk on PATH); guests run by tcg',
  phases: [{ name: 'build', startedAt: '2026-11-24T15:02:03.000Z', durationMs: 58_000 }],
  plans: [passed, broken, dead],
  leftOut: [{ plan: '/plans/ostree', why: 'it does not work with composefs yet' }],
};

test('the summary is as it was', async () => {
  const text = [summaryTable(report), ...report.plans.map((plan) => failureCard(plan, '/repo'))].join('\n\n');
  await expect(`${text}\n`).toMatchFileSnapshot('golden/summary.txt');
});

test('JUnit XML is as it was, and well-formed whatever is in a message', async () => {
  const xml = junitXml(report);
  expect(XMLValidator.validate(xml)).toBe(true);
  expect(xml).not.toContain('\x1b');
  const { testsuites } = new XMLParser({ ignoreAttributes: false }).parse(xml);
  expect(testsuites).toMatchObject({ '@_tests': '6', '@_failures': '1', '@_errors': '1' });
  await expect(xml).toMatchFileSnapshot('golden/junit.xml');
});

test('the page is as it was: no script, nothing from elsewhere, everything escaped', async () => {
  const html = htmlPage(report, (plan) => [
    { title: 'console.log', file: `${plan.folder}/console.log`, text: '<b>login:</b>' },
  ]);
  expect(html).not.toMatch(/<script|https?:|src=|@import|url\(/);
  expect(html).not.toContain('<b>login');
  expect(html).toContain('expected: &lt;a&gt; &amp; &quot;b&quot;');
  expect(html).toContain('href="composefs/plans-rollback/tmt/r/output.txt"');
  await expect(html).toMatchFileSnapshot('golden/report.html');
});

test('a run without any failed plan passed', () => {
  expect(runPassed(report)).toBe(false);
  expect(runPassed({ ...report, plans: [passed] })).toBe(true);
});
