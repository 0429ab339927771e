import { join } from 'node:path';
import { expect, test } from 'vitest';
import { workspaceRoot } from '../settings/workspace.ts';
import { listNames } from '../tmt/fmf-nodes.ts';
import { loadQuarantine, parseQuarantine, toleratedBy } from './quarantine.ts';

const entry = [
  '- plan: /plans/upgrade/rollback',
  '  code: TEST_FAILED',
  '  cells: [composefs/systemd/bls/unsealed/xfs]',
  '  tracker: TRACKER-12',
  '  reason: rolls back to the wrong one',
  '  expires: 2026-12-01',
].join('\n');
const today = '2026-11-24';

test('a known failure is tolerated in its cell, until its day is over', () => {
  const entries = parseQuarantine(entry, 'q.yaml', today);
  const failure = {
    plan: '/plans/upgrade/rollback',
    cell: 'composefs/systemd/bls/unsealed/xfs',
    code: 'TEST_FAILED',
    class: 'test',
  };
  expect(toleratedBy(entries, failure)).toMatchObject({ tracker: 'TRACKER-12', expires: '2026-12-01' });
  for (const change of [
    { plan: '/plans/readonly' },
    { cell: 'composefs/systemd/bls/unsealed/ext4' },
    { code: 'GUEST_PANIC' },
    { class: 'infrastructure' },
  ]) {
    expect(toleratedBy(entries, { ...failure, ...change })).toBeUndefined();
  }
  expect(parseQuarantine(entry, 'q.yaml', '2026-12-01')).toHaveLength(1);
  expect(() => parseQuarantine(entry, 'q.yaml', '2026-12-02')).toThrow(
    'q.yaml:6:12  /plans/upgrade/rollback was to be mended by 2026-12-01 (TRACKER-12)',
  );
});

test('what is wrong is shown with its place', () => {
  expect(() => parseQuarantine('- plan: /plans/x\n  code: y\n', 'q.yaml', today)).toThrow(/q\.yaml:2:9 {2}0\.code: /);
  expect(() => parseQuarantine('- plan: [', 'q.yaml', today)).toThrow(/q\.yaml:1:\d+/);
  expect(parseQuarantine('', 'q.yaml', today)).toEqual([]);
});

test('the quarantine of this repository is valid, and names plans that there are', async () => {
  const plans = await listNames('plan', workspaceRoot);
  for (const { plan } of await loadQuarantine(join(workspaceRoot, 'quarantine.yaml'))) expect(plans).toContain(plan);
});
