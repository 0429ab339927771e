import { describeError } from '@workbench/run';
import { expect, test } from 'vitest';
import { type Cell, defaultCell } from '../matrix/cell.ts';
import { changesNothing, type Plan, type PlanSelection, selectPlans, vmWishesOf } from './plans.ts';

const exported = [
  {
    name: '/plans/readonly',
    enabled: true,
    'extra-try_bind_storage': true,
    'extra-changes_nothing': true,
    discover: [{ how: 'fmf', test: '^/tests/readonly/' }],
  },
  { name: '/plans/glance', discover: [{ test: 'status$' }], 'extra-part_of': '/plans/readonly' },
  { name: '/plans/rollback', enabled: true, 'extra-fresh_boot': true },
  { name: '/plans/ostree-only', enabled: true, 'extra-fixme_skip_if_composefs': true },
  { name: '/plans/bls-only', enabled: true, 'extra-fixme_skip_if_uki': true },
  { name: '/plans/off', enabled: false },
  { name: '/plans/boot-of-grub', 'extra-only_bootloader': 'grub', 'extra-root_size': '8G' },
];
const testNames = ['/tests/readonly/finish', '/tests/readonly/status', '/tests/rollback'];

function select(filters: string[], cell: Cell = defaultCell, tests: string[] = []): PlanSelection {
  return selectPlans(exported, { filters, tests, testNames, cell });
}

function namesOf(filters: string[], cell: Cell = defaultCell): string[] {
  return select(filters, cell).plans.map(({ name }) => name);
}

test('filters are parts of names; none means all', () => {
  expect(namesOf([])).toEqual(['/plans/readonly', '/plans/rollback', '/plans/bls-only']);
  expect(namesOf(['read', 'bls'])).toEqual(['/plans/readonly', '/plans/bls-only']);
});

test('a plan that is part of another one is run only without that', () => {
  expect(namesOf(['glance'])).toEqual(['/plans/glance']);
  expect(namesOf(['glance', 'readonly'])).toEqual(['/plans/readonly']);
  expect(select(['glance', 'readonly']).leftOut).toEqual([]);
});

test('what the cell cannot run is left out with the reason', () => {
  expect(select(['-only', 'off'], { ...defaultCell, bootType: 'uki' })).toEqual({
    plans: [],
    leftOut: [
      { plan: '/plans/ostree-only', why: 'it does not work with composefs yet' },
      { plan: '/plans/bls-only', why: 'it does not work with UKIs yet' },
      { plan: '/plans/off', why: 'it is disabled for this context' },
    ],
  });
  expect(namesOf(['ostree'], { ...defaultCell, variant: 'ostree' })).toEqual(['/plans/ostree-only']);
  expect(select(['grub']).leftOut).toEqual([{ plan: '/plans/boot-of-grub', why: 'it is about grub' }]);
});

test('a plan that wants room beside the root has its VM installed so', () => {
  const [plan] = select(['grub'], { ...defaultCell, bootloader: 'grub' }).plans;
  expect(vmWishesOf(plan as Plan, { bcvkOptions: ['--memory=2G'], snapshot: true }).bcvkOptions).toEqual([
    '--memory=2G',
    '--root-size=8G',
  ]);
});

test('what plans say of themselves is read', () => {
  expect(select(['ro']).plans).toEqual([
    {
      name: '/plans/rollback',
      wantsBindStorage: false,
      wantsLegacyDisk: false,
      wantsFreshBoot: true,
    },
  ]);
  const [readonly] = select(['readonly']).plans;
  expect(readonly).toMatchObject({ wantsBindStorage: true, wantsFreshBoot: false });
  expect(exported.filter(changesNothing)).toEqual([exported[0]]);
});

test('an unknown plan is an error that tells what was likely meant', () => {
  let shown = '';
  try {
    select(['readnoly', 'rollback']);
  } catch (error) {
    shown = describeError(error);
  }
  expect(shown).toBe(
    ["error: no plan has 'readnoly' in its name [PLAN_UNKNOWN]", '  help: did you mean readonly?'].join('\n'),
  );
});

test('plans that have none of the tests are not run, and a word for a test that no plan has is an error', () => {
  const namesOfTests = (filters: string[], ...tests: string[]) =>
    select(filters, defaultCell, tests).plans.map(({ name }) => name);
  // A plan without a filter of its own runs every test.
  expect(namesOfTests(['readonly', 'rollback'], 'status')).toEqual(['/plans/readonly', '/plans/rollback']);
  expect(namesOfTests(['readonly', 'rollback'], '/tests/rollback')).toEqual(['/plans/rollback']);
  for (const words of [['rollback'], ['status', 'rollback'], ['finish']]) {
    expect(() => namesOfTests(['readonly'], ...words)).toThrow(
      expect.objectContaining({
        code: 'TEST_UNKNOWN',
        exitCode: 2,
        message: `no test of /plans/readonly has '${words.at(-1)}' in its name`,
      }),
    );
  }
});
