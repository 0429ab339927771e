import type { TestRequest } from '../settings/test-request.ts';
import { type FmfNode, listNames, listNodes } from '../tmt/fmf-nodes.ts';
import { selectPlans } from '../tmt/plans.ts';

/**
 * Refuses words for plans and tests that nothing matches, before minutes go into building what they would be tried on.
 *
 * @param isCandidate whether a plan could be run at all; default: each.
 * @throws CodedError PLAN_UNKNOWN, TEST_UNKNOWN (exit code 2).
 */
export async function requireSelection(
  { cell, filters, tests }: Pick<TestRequest, 'cell' | 'filters' | 'tests'>,
  isCandidate: (plan: FmfNode) => boolean = () => true,
): Promise<void> {
  const [plans, testNames] = await Promise.all([listNodes('plan', '.'), listNames('test', '.')]);
  selectPlans(plans.filter(isCandidate), { cell, filters, tests, testNames });
}
