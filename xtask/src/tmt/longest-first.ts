import type { PastPlan } from '../report/run-history.ts';
import type { Plan } from './plans.ts';

/**
 * Plans in the order in which they are done soonest, several at a time: the one that takes longest must not be left for the end, where
 * nothing runs beside it. What never passed may be the longest.
 *
 * @param past plans of earlier runs, the latest first.
 */
export function longestFirst(plans: readonly Plan[], past: readonly PastPlan[]): Plan[] {
  const expectedMs = ({ name }: Plan): number =>
    past.find(({ plan, outcome }) => plan === name && outcome === 'passed')?.testsMs ?? Number.MAX_VALUE;
  return plans.toSorted((a, b) => expectedMs(b) - expectedMs(a));
}
