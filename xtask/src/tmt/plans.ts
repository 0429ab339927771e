import { CodedError } from '@workbench/run';
import { z } from 'zod';
import type { Cell } from '../matrix/cell.ts';
import { suggest } from '../matrix/suggest.ts';

const flag = z.boolean().default(false);

/** One plan of `tmt plan export --how=json`, with the keys that are ours. */
const planSchema = z.looseObject({
  name: z.string(),
  summary: z.string().nullish(),
  enabled: z.boolean(),
  /** Wants the container storage of the machine in the guest, and the image to upgrade to. */
  'extra-try_bind_storage': flag,
  /** Wants a disk as bootc 1.13 installed it. */
  'extra-legacy_disk': flag,
  /** Wants a VM that boots for it, not one that goes on from a snapshot. */
  'extra-fresh_boot': flag,
  /** Leaves the system as it finds it, so that others may run in the same one. */
  'extra-changes_nothing': flag,
  'extra-fixme_skip_if_composefs': flag,
  'extra-fixme_skip_if_uki': flag,
});

/** A plan that can be run. */
export interface Plan {
  readonly name: string;
  readonly wantsBindStorage: boolean;
  /** Whether its VM has a disk as bootc 1.13 installed it. */
  readonly wantsLegacyDisk: boolean;
  /** Whether its VM must boot, also where there is a snapshot. */
  readonly wantsFreshBoot: boolean;
  /** Whether it leaves the system as it found it. */
  readonly changesNothing: boolean;
}

/** The plans to run, and those that were asked for but are not run in this cell. */
export interface PlanSelection {
  plans: Plan[];
  leftOut: { plan: string; why: string }[];
}

/**
 * Reads the output of `tmt plan export --how=json` and selects plans: those whose name contains any of the filters, or
 * all when there is none. A plan that the cell cannot run yet is left out with the reason.
 *
 * @throws CodedError PLAN_UNKNOWN (exit code 2) when a filter matches no plan; it lists the plans.
 */
export function selectPlans(exported: string, filters: readonly string[], cell: Cell): PlanSelection {
  const all = z.array(planSchema).parse(JSON.parse(exported));
  const unmatched = filters.filter((filter) => !all.some(({ name }) => name.includes(filter)));
  if (unmatched.length > 0 || all.length === 0) {
    throw unknownPlan(
      unmatched,
      all.map(({ name }) => name),
    );
  }
  const selection: PlanSelection = { plans: [], leftOut: [] };
  for (const plan of all) {
    if (filters.length > 0 && !filters.some((filter) => plan.name.includes(filter))) continue;
    const why = whyNot(plan, cell);
    if (why === undefined) {
      selection.plans.push({
        name: plan.name,
        wantsBindStorage: plan['extra-try_bind_storage'],
        wantsLegacyDisk: plan['extra-legacy_disk'],
        wantsFreshBoot: plan['extra-fresh_boot'],
        changesNothing: plan['extra-changes_nothing'],
      });
    } else {
      selection.leftOut.push({ plan: plan.name, why });
    }
  }
  return selection;
}

function whyNot(plan: z.infer<typeof planSchema>, cell: Cell): string | undefined {
  if (!plan.enabled) return 'it is disabled for this context';
  if (plan['extra-fixme_skip_if_composefs'] && cell.variant === 'composefs')
    return 'it does not work with composefs yet';
  if (plan['extra-fixme_skip_if_uki'] && cell.variant === 'composefs' && cell.bootType === 'uki') {
    return 'it does not work with UKIs yet';
  }
  return undefined;
}

function unknownPlan(filters: readonly string[], names: readonly string[]): CodedError {
  const message =
    names.length === 0
      ? 'there are no plans'
      : [`no plan has ${filters.map((filter) => `'${filter}'`).join(' or ')} in its name; there are:`, ...names].join(
          '\n  ',
        );
  const words = names.map((name) => name.slice(name.lastIndexOf('/') + 1));
  const suggestions = filters.flatMap((filter) => suggest(filter, words) ?? []);
  return new CodedError('PLAN_UNKNOWN', message, {
    exitCode: 2,
    hint:
      suggestions.length > 0 ? `did you mean ${suggestions.join(', ')}?` : 'give a part of a name, or nothing for all',
  });
}
