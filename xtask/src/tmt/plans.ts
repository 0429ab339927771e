import { CodedError } from '@workbench/run';
import { z } from 'zod';
import type { Cell } from '../matrix/cell.ts';
import { suggest } from '../matrix/suggest.ts';
import { workspace } from '../settings/workspace.ts';
import { isChosen, unmatchedFilters } from './fmf-nodes.ts';
import type { RunContext } from './plan-context.ts';
import { lastTest } from './tmt-command.ts';

const flag = z.boolean().default(false);
const discoverSchema = z.looseObject({ test: z.union([z.string(), z.array(z.string())]).optional() });

/** One plan of `tmt plan export --how=json`, or of the files, with the keys that are used. */
const planSchema = z.looseObject({
  name: z.string(),
  summary: z.string().nullish(),
  enabled: z.boolean().default(true),
  discover: z.union([discoverSchema, z.array(discoverSchema)]).default({}),
  /** Wants the container storage of the machine in the guest, and the image to upgrade to. */
  'extra-try_bind_storage': flag,
  /** Wants a disk as bootc 1.13 installed it. */
  'extra-legacy_disk': flag,
  /** Wants a root file system of this size, and the rest of the disk free. */
  'extra-root_size': z.string().optional(),
  /** Wants a VM that boots for it, not one that goes on from a snapshot. */
  'extra-fresh_boot': flag,
  /** The plan that has all tests of this one, and more. */
  'extra-part_of': z.string().optional(),
  /** The boot loader it is about; undefined: any. */
  'extra-only_bootloader': z.enum(['systemd', 'grub']).optional(),
  'extra-fixme_skip_if_composefs': flag,
  'extra-fixme_skip_if_uki': flag,
});

/** A plan that can be run. */
export interface Plan {
  readonly name: string;
  readonly wantsBindStorage: boolean;
  /** Whether its VM has a disk as bootc 1.13 installed it. */
  readonly wantsLegacyDisk: boolean;
  /** How large the root file system of its VM is, as bcvk has it; undefined: as large as the disk. */
  readonly rootSize: string | undefined;
  /** Whether its VM must boot, also where there is a snapshot. */
  readonly wantsFreshBoot: boolean;
}

/** What a plan makes of the wishes for a VM that all plans have in common. */
export function vmWishesOf(
  plan: Plan,
  wishes: { bcvkOptions: readonly string[]; snapshot: boolean },
): { bcvkOptions: readonly string[]; bindStorage: boolean; snapshot: boolean } {
  const { bcvkOptions, snapshot } = wishes;
  return {
    bcvkOptions: [
      ...bcvkOptions,
      ...(plan.wantsLegacyDisk ? [`--disk-editor=${workspace.legacyDisk}`] : []),
      ...(plan.rootSize === undefined ? [] : [`--root-size=${plan.rootSize}`]),
    ],
    bindStorage: plan.wantsBindStorage,
    snapshot: snapshot && !plan.wantsFreshBoot,
  };
}

/** The environment of the tests of a plan: that of all plans, and what this one wants. */
export function testEnvironment(
  plan: Plan,
  of: Pick<RunContext, 'environment' | 'tests' | 'upgradeImage'> & { nonce: string },
): Record<string, string> {
  const { environment, nonce, tests, upgradeImage } = of;
  return {
    ...environment,
    ...(upgradeImage !== undefined && plan.wantsBindStorage ? { BOOTC_upgrade_image: upgradeImage } : {}),
    BOOTC_plan_nonce: nonce,
    ...(tests.length > 0 ? { BOOTC_plan_tests: tests.join(' ') } : {}),
  };
}

/** The plans to run, and those that were asked for but are not run in this cell. */
export interface PlanSelection {
  plans: Plan[];
  leftOut: { plan: string; why: string }[];
}

/** Which plans are wanted. */
export interface PlanWishes {
  /** Parts of names, or whole names; empty: all. */
  filters: readonly string[];
  /** Only plans that have a test whose name contains one of these; empty: all. */
  tests: readonly string[];
  /** The names of all tests. */
  testNames: readonly string[];
  cell: Cell;
}

/**
 * Selects plans. One that the cell cannot run yet is left out with the reason; one that is part of another chosen one has nothing to add. Pure.
 *
 * @param nodes all plans, as `tmt plan export --how=json` prints them, or as they are in the files.
 * @throws CodedError PLAN_UNKNOWN (exit code 2) when a filter matches no plan, TEST_UNKNOWN (exit code 2) when one of `tests`
 * matches no test of these plans; each tells the names that there are.
 */
export function selectPlans(nodes: readonly unknown[], { filters, tests, testNames, cell }: PlanWishes): PlanSelection {
  const all = z.array(planSchema).parse(nodes);
  const names = all.map(({ name }) => name);
  requirePlans(filters, names);
  const chosen = all.filter(({ name }) => filters.length === 0 || isChosen(name, filters, names));
  const testsOf = new Map(chosen.map((plan) => [plan, testNames.filter((name) => discovers(plan, name))]));
  requireTests(tests, [...testsOf.values()].flat(), chosen);
  const selection: PlanSelection = { plans: [], leftOut: [] };
  for (const [plan, ofPlan] of testsOf) {
    if (tests.length > 0 && unmatchedFilters(tests, ofPlan).length === tests.length) continue;
    if (chosen.some(({ name }) => name === plan['extra-part_of'])) continue;
    const why = whyNot(plan, cell);
    if (why === undefined) {
      selection.plans.push({
        name: plan.name,
        wantsBindStorage: plan['extra-try_bind_storage'],
        wantsLegacyDisk: plan['extra-legacy_disk'],
        rootSize: plan['extra-root_size'],
        wantsFreshBoot: plan['extra-fresh_boot'],
      });
    } else {
      selection.leftOut.push({ plan: plan.name, why });
    }
  }
  return selection;
}

/** Whether a plan leaves the system as it finds it, so that others may run in the same one. */
export function changesNothing(node: unknown): boolean {
  return z.looseObject({ 'extra-changes_nothing': z.literal(true) }).safeParse(node).success;
}

/**
 * Refuses filters that no plan matches, before minutes go into building what they would be tried on.
 *
 * @throws CodedError PLAN_UNKNOWN (exit code 2) with the names that there are.
 */
export function requirePlans(filters: readonly string[], names: readonly string[]): void {
  if (names.length === 0) throw new CodedError('PLAN_UNKNOWN', 'there are no plans', { exitCode: 2 });
  requireMatching({ code: 'PLAN_UNKNOWN', what: 'no plan' }, filters, names);
}

function requireTests(words: readonly string[], names: readonly string[], plans: readonly { name: string }[]): void {
  const where = plans.length > 3 ? 'the chosen plans' : plans.map(({ name }) => name).join(', ');
  requireMatching({ code: 'TEST_UNKNOWN', what: `no test of ${where}` }, words, names);
}

function requireMatching(
  { code, what }: { code: string; what: string },
  filters: readonly string[],
  names: readonly string[],
): void {
  const unmatched = unmatchedFilters(filters, names);
  if (unmatched.length === 0) return;
  const words = names.map((name) => name.slice(name.lastIndexOf('/') + 1));
  const likely = unmatched.flatMap((filter) => suggest(filter, words) ?? []);
  throw new CodedError(code, `${what} has ${unmatched.map((word) => `'${word}'`).join(' or ')} in its name`, {
    exitCode: 2,
    hint: likely.length > 0 ? `did you mean ${likely.join(', ')}?` : `there are: ${names.join(', ')}`,
  });
}

/** Whether a test is one that a plan runs, and can be chosen: its step `discover` has regular expressions for names, or takes all. */
function discovers({ discover }: z.infer<typeof planSchema>, test: string): boolean {
  if (test.endsWith(lastTest)) return false;
  return [discover].flat().some(({ test: patterns = [] }) => {
    const all = [patterns].flat();
    return all.length === 0 || all.some((pattern) => new RegExp(pattern).test(test));
  });
}

function whyNot(plan: z.infer<typeof planSchema>, cell: Cell): string | undefined {
  if (!plan.enabled) return 'it is disabled for this context';
  const bootloader = plan['extra-only_bootloader'];
  if (bootloader !== undefined && bootloader !== cell.bootloader) return `it is about ${bootloader}`;
  if (plan['extra-fixme_skip_if_composefs'] && cell.variant === 'composefs')
    return 'it does not work with composefs yet';
  if (plan['extra-fixme_skip_if_uki'] && cell.variant === 'composefs' && cell.bootType === 'uki') {
    return 'it does not work with UKIs yet';
  }
  return undefined;
}
