import { describeError } from '@workbench/run';
import { expect, test } from 'vitest';
import { type Cell, defaultCell } from '../matrix/cell.ts';
import { selectPlans } from './plans.ts';

const exported = JSON.stringify([
  {
    name: '/plans/readonly',
    enabled: true,
    'extra-try_bind_storage': true,
    'extra-changes_nothing': true,
    discover: [{ how: 'fmf' }],
  },
  { name: '/plans/rollback', enabled: true, 'extra-fresh_boot': true },
  { name: '/plans/ostree-only', enabled: true, 'extra-fixme_skip_if_composefs': true },
  { name: '/plans/bls-only', enabled: true, 'extra-fixme_skip_if_uki': true },
  { name: '/plans/off', enabled: false },
]);

function namesOf(filters: string[], cell: Cell = defaultCell): string[] {
  return selectPlans(exported, filters, cell).plans.map(({ name }) => name);
}

test('filters are parts of names; none means all', () => {
  expect(namesOf([])).toEqual(['/plans/readonly', '/plans/rollback', '/plans/bls-only']);
  expect(namesOf(['read', 'bls'])).toEqual(['/plans/readonly', '/plans/bls-only']);
});

test('what the cell cannot run is left out with the reason', () => {
  expect(selectPlans(exported, ['-only', 'off'], { ...defaultCell, bootType: 'uki' })).toEqual({
    plans: [],
    leftOut: [
      { plan: '/plans/ostree-only', why: 'it does not work with composefs yet' },
      { plan: '/plans/bls-only', why: 'it does not work with UKIs yet' },
      { plan: '/plans/off', why: 'it is disabled for this context' },
    ],
  });
  expect(namesOf(['ostree'], { ...defaultCell, variant: 'ostree' })).toEqual(['/plans/ostree-only']);
});

test('what plans say of themselves is read', () => {
  expect(selectPlans(exported, ['ro'], defaultCell).plans).toEqual([
    {
      name: '/plans/rollback',
      wantsBindStorage: false,
      wantsLegacyDisk: false,
      wantsFreshBoot: true,
      changesNothing: false,
    },
  ]);
  const [readonly] = selectPlans(exported, ['readonly'], defaultCell).plans;
  expect(readonly).toMatchObject({ wantsBindStorage: true, wantsFreshBoot: false, changesNothing: true });
});

test('an unknown plan is an error that lists the plans', () => {
  let shown = '';
  try {
    selectPlans(exported, ['readnoly', 'rollback'], defaultCell);
  } catch (error) {
    shown = describeError(error);
  }
  expect(shown).toBe(
    [
      "error: no plan has 'readnoly' in its name; there are: [PLAN_UNKNOWN]",
      '  /plans/readonly',
      '  /plans/rollback',
      '  /plans/ostree-only',
      '  /plans/bls-only',
      '  /plans/off',
      '  help: did you mean readonly?',
    ].join('\n'),
  );
});
