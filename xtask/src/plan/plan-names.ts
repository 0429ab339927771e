import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { parse } from 'yaml';
import { suggest } from '../matrix/suggest.ts';

/**
 * The names of the tmt plans below `plans/`, sorted, read from the files alone. A name is the path of the file without
 * its ending, and of the keys inside it that start with a slash; a node with such keys is no plan itself. (See the fmf
 * documentation, "Hierarchy". A file `main.fmf` stands for its folder.)
 */
export async function listPlanNames(repository: string): Promise<string[]> {
  const files = await readdir(join(repository, 'plans'), { recursive: true });
  const names: string[] = [];
  for (const file of files.filter((path) => path.endsWith('.fmf'))) {
    const content: unknown = parse(await readFile(join(repository, 'plans', file), 'utf8'));
    const name = `/plans/${file.replace(/\.fmf$/, '')}`.replace(/\/main$/, '');
    names.push(...namesBelow(name, content, false));
  }
  return names.sort();
}

/** The filters that no plan has in its name. */
export function unmatchedFilters(filters: readonly string[], plans: readonly string[]): string[] {
  return filters.filter((filter) => !plans.some((name) => name.includes(filter)));
}

/**
 * Refuses filters that no plan matches, before minutes go into building what they would be tried on.
 *
 * @throws CodedError PLAN_UNKNOWN (exit code 2) with the names that there are.
 */
export function requireMatchingPlans(filters: readonly string[], plans: readonly string[]): void {
  const unmatched = unmatchedFilters(filters, plans);
  if (unmatched.length === 0) return;
  const words = plans.map((name) => name.slice(name.lastIndexOf('/') + 1));
  const likely = unmatched.flatMap((filter) => suggest(filter, words) ?? []);
  throw new CodedError('PLAN_UNKNOWN', `no plan has ${unmatched.map((word) => `'${word}'`).join(' or ')} in its name`, {
    exitCode: 2,
    hint: likely.length > 0 ? `did you mean ${likely.join(', ')}?` : `there are: ${plans.join(', ')}`,
  });
}

// A node inherits the keys of those above it, and `key+` adds to what it inherits.
function namesBelow(name: string, node: unknown, isPlanAbove: boolean): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const isPlan = isPlanAbove || Object.keys(node).some((key) => /^(?:discover|execute)\+?$/.test(key));
  const children = Object.entries(node).filter(([key]) => key.startsWith('/'));
  if (children.length === 0) return isPlan ? [name] : [];
  return children.flatMap(([key, child]) => namesBelow(`${name}${key}`, child, isPlan));
}
