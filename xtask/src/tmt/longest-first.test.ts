import { expect, test } from 'vitest';
import type { PastPlan } from '../report/run-history.ts';
import { longestFirst } from './longest-first.ts';
import type { Plan } from './plans.ts';

const plans = ['readonly', 'upgrade', 'rollback', 'smoke'].map((name) => ({ name }) as Plan);
const past = (plan: string, testsMs: number, outcome: PastPlan['outcome'] = 'passed'): PastPlan => {
  return { plan, outcome, testsMs };
};
const orderOf = (...earlier: PastPlan[]): string[] => longestFirst(plans, earlier).map(({ name }) => name);

test('without earlier runs the order stays', () => {
  expect(orderOf()).toEqual(['readonly', 'upgrade', 'rollback', 'smoke']);
});

test('the longest comes first, by the last time each passed; before it what never did', () => {
  const earlier = [
    past('readonly', 3, 'failed'),
    past('smoke', 1),
    past('readonly', 5),
    past('rollback', 9),
    past('smoke', 20),
  ];
  expect(orderOf(...earlier)).toEqual(['upgrade', 'rollback', 'readonly', 'smoke']);
});
