import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { expect, test } from 'vitest';
import { formatOwner, ownerOf } from '../runs/owner.ts';
import { keepMatrix, stateFileName } from './keep-matrix.ts';
import { matrixPage } from './matrix-page.ts';
import {
  continueMatrix,
  failedPairs,
  hasPassed,
  type MatrixResult,
  type MatrixState,
  matrixResult,
  pendingPairs,
  putResult,
  readMatrixState,
  repeatFailures,
  takeMatrix,
} from './matrix-state.ts';
import { matrixTable } from './matrix-table.ts';

const wanted = { cells: ['a/ext4', 'b/xfs'], plans: ['/plans/readonly', '/plans/upgrade/rollback'] };
const now = new Date('2026-11-24T15:00:00Z');
const options = { fresh: false, now };
const result = (cell: string, plan: string, outcome: MatrixResult['outcome'], detail?: string): MatrixResult => ({
  cell,
  plan,
  outcome,
  phases: [{ name: 'boot', durationMs: 61_000 }],
  ...(detail === undefined ? {} : { detail, folder: '/runs/x' }),
});
const half: MatrixState = {
  startedAt: now.toISOString(),
  ...wanted,
  results: [
    result('a/ext4', '/plans/readonly', 'passed'),
    result('a/ext4', '/plans/upgrade/rollback', 'failed', 'TEST_FAILED'),
  ],
};

test('a matrix that was stopped goes on where it stopped', () => {
  expect(continueMatrix(half, wanted, options)).toBe(half);
  expect(pendingPairs(half)).toEqual([
    { cell: 'b/xfs', plan: '/plans/readonly' },
    { cell: 'b/xfs', plan: '/plans/upgrade/rollback' },
  ]);
});

test('a matrix that is through, is another one, or is not wanted any more begins anew', () => {
  for (const [last, want, fresh] of [
    [{ ...half, finishedAt: now.toISOString() }, wanted, false],
    [half, { ...wanted, cells: ['a/ext4'] }, false],
    [half, wanted, true],
    [undefined, wanted, false],
  ] as const) {
    expect(continueMatrix(last, want as typeof wanted, { ...options, fresh }).results).toEqual([]);
  }
});

test('a matrix that another process runs is left to it; one that was killed holds nothing', () => {
  const other = ownerOf(process.ppid);
  expect(() => takeMatrix({ ...half }, { ...half, owner: formatOwner(other) })).toThrow(
    `process ${process.ppid} runs the matrix of this checkout`,
  );
  for (const owner of [undefined, formatOwner({ ...other, startTicks: '1' }), formatOwner(ownerOf())]) {
    const state = { ...half };
    takeMatrix(state, { ...half, ...(owner === undefined ? {} : { owner }) });
    expect(state).toMatchObject({ owner: formatOwner(ownerOf()) });
  }
});

test('what failed last can be run again alone', () => {
  const through: MatrixState = {
    ...half,
    finishedAt: now.toISOString(),
    results: [...half.results, ...wanted.plans.map((plan) => result('b/xfs', plan, 'passed'))],
  };
  const { state, pending } = repeatFailures(through, {});
  expect(state.finishedAt).toBeUndefined();
  expect(pending).toEqual([{ cell: 'a/ext4', plan: '/plans/upgrade/rollback' }]);
  // Stopped before it was run, it is one that failed still.
  expect(repeatFailures(state, {}).pending).toEqual(pending);
  putResult(state, result('a/ext4', '/plans/upgrade/rollback', 'passed'));
  expect(repeatFailures(state, {}).pending).toEqual([]);
  expect(state.results).toHaveLength(4);
  expect(state.results.at(-1)).toMatchObject({ cell: 'a/ext4', plan: '/plans/upgrade/rollback' });
});

test('what failed last, and neither what is left to run nor what failed elsewhere, is run again', () => {
  const failed = { ...half, results: [...half.results, result('b/xfs', '/plans/readonly', 'failed', 'TEST_FAILED')] };
  expect(repeatFailures(failed, { cells: ['b/xfs'] }).pending).toEqual([{ cell: 'b/xfs', plan: '/plans/readonly' }]);
  expect(repeatFailures(failed, { plans: ['/plans/upgrade/rollback'] }).pending).toEqual([
    { cell: 'a/ext4', plan: '/plans/upgrade/rollback' },
  ]);
  expect(repeatFailures(failed, { cells: ['a/ext4'], plans: ['/plans/readonly'] }).pending).toEqual([]);
  expect(() => repeatFailures(undefined, {})).toThrow(expect.objectContaining({ code: 'NO_MATRIX', exitCode: 2 }));
});

test('a state is read as it was written, with the table and a page beside it; anything else is none', () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'matrix-')), 'deep');
  const file = join(folder, stateFileName);
  expect(readMatrixState(file)).toBeUndefined();
  keepMatrix(folder, half);
  expect(readMatrixState(file)).toEqual(half);
  expect(readdirSync(folder).sort()).toEqual(['report.html', stateFileName, 'table.txt']);
});

test('the page leads from each result to the page of its run', () => {
  const folder = '/repository/target/matrix';
  const page = matrixPage(
    {
      ...half,
      results: [
        { ...result('a/ext4', '/plans/readonly', 'passed'), folder: '/repository/target/runs/7/a-ext4/plans-readonly' },
      ],
    },
    folder,
  );
  expect(page).toContain('<td class="passed"><a href="../runs/7/report.html">passed 1 min 01 s</a></td>');
  expect(page.match(/<td class="skipped">-<\/td>/g)).toHaveLength(3);
  expect(page).toContain('1 passed, 0 failed, 3 not run yet');
  expect(page).toContain('not finished');
});

test('what a cell could not run has failed for the reason that stopped the cell', () => {
  const failed = failedPairs(pendingPairs(half), new CodedError('BUILD_FAILED', 'no space'));
  expect(failed.map(({ cell, plan, outcome, detail }) => [cell, plan, outcome, detail])).toEqual(
    wanted.plans.map((plan) => ['b/xfs', plan, 'failed', 'BUILD_FAILED']),
  );
});

test('the table shows each plan in each cell, and what is not run yet', () => {
  expect(matrixTable(half).split('\n')).toEqual([
    'cell    readonly           upgrade/rollback',
    'a/ext4  passed 1 min 01 s  FAILED TEST_FAILED 1 min 01 s',
    'b/xfs   -                  -',
    '',
    '1 passed, 1 failed, 2 not run yet',
    'FAILED a/ext4 /plans/upgrade/rollback: TEST_FAILED  /runs/x',
  ]);
});

test('a failure in quarantine is no failure of the matrix', () => {
  const report = {
    plan: '/plans/readonly',
    vm: 'x',
    folder: '/runs/x',
    outcome: 'failed',
    tests: [],
    phases: [],
  } as const;
  expect(matrixResult('a/ext4', report).outcome).toBe('failed');
  const quarantined = { tracker: 'T', reason: 'r', expires: '2999-01-01' };
  expect(matrixResult('a/ext4', { ...report, quarantined }).outcome).toBe('quarantined');
});

test('a matrix with something still to run claims no success', () => {
  const passed = { ...half, results: [result('a/ext4', '/plans/readonly', 'passed')] };
  expect(hasPassed(passed)).toBe(false);
  expect(matrixPage(passed, '/x')).toContain('<title>not finished: test matrix</title>');
  expect(matrixPage(passed, '/x')).toContain('<h1 id="top" class="failed">');
  expect(matrixPage(half, '/x')).toContain('<title>FAILED: test matrix</title>');
  const cells = ['a/ext4'];
  const through = { ...passed, cells, plans: ['/plans/readonly'] };
  expect(hasPassed(through)).toBe(true);
  expect(matrixPage(through, '/x')).toContain('<title>passed: test matrix</title>');
  expect(hasPassed({ ...half, cells })).toBe(false);
});

test('results of another commit than the newest are marked, and only then is anything said of commits', () => {
  const of = (commit?: string): MatrixState => ({
    ...half,
    cells: ['a/ext4'],
    results: [
      {
        ...result('a/ext4', '/plans/readonly', 'passed'),
        ...(commit === undefined ? {} : { commit }),
        folder: '/r/a/p',
      },
      { ...result('a/ext4', '/plans/upgrade/rollback', 'passed'), commit: 'v1-dirty', imageDigest: 'sha256:02' },
    ],
  });
  expect(matrixTable(of('v1-dirty'))).not.toMatch(/commit|v1|[*]/);
  expect(matrixPage(of('v1-dirty'), '/x')).toContain('not finished, commit v1-dirty');
  for (const [commit, named] of [
    ['v1', 'v1'],
    [undefined, 'unknown'],
  ] as const) {
    const says = `* of another commit (${named}) than the newest, v1-dirty: --fresh runs all again`;
    const lines = matrixTable(of(commit)).split('\n');
    expect(lines[1]).toBe('a/ext4  passed 1 min 01 s *  passed 1 min 01 s');
    expect(lines).toContain(says);
    expect(matrixPage(of(commit), '/x')).toContain(`<p class="failed">${says}</p>`);
  }
  expect(matrixPage(of('v1'), '/x')).toContain('<td class="passed" title="v1"><a');
});
