import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { parse } from 'yaml';
import { suggest } from '../matrix/suggest.ts';

/** What has names in the fmf tree: the folder of its files, and the keys that make a node one of them. */
const kinds = {
  plan: { folder: 'plans', keys: ['discover', 'execute'] },
  test: { folder: 'tests', keys: ['test'] },
} as const;

/** A kind of fmf node. */
export type NodeKind = keyof typeof kinds;

/**
 * The names of the tmt plans below `plans/`, or of the tests below `tests/`, sorted, read from the files alone. A name is the
 * path of the file without its ending, and of the keys inside it that start with a slash; a node with such keys is none itself.
 * (See the fmf documentation, "Hierarchy". A file `main.fmf` stands for its folder.)
 */
export async function listNames(kind: NodeKind, repository: string): Promise<string[]> {
  const { folder, keys } = kinds[kind];
  const files = await readdir(join(repository, folder), { recursive: true });
  const names: string[] = [];
  for (const file of files.filter((path) => path.endsWith('.fmf'))) {
    const content: unknown = parse(await readFile(join(repository, folder, file), 'utf8'));
    const name = `/${folder}/${file.replace(/\.fmf$/, '')}`.replace(/\/main$/, '');
    names.push(...namesBelow(name, content, { keys, isAbove: false }));
  }
  return names.sort();
}

/** The filters that none of the names contains. */
export function unmatchedFilters(filters: readonly string[], names: readonly string[]): string[] {
  return filters.filter((filter) => !names.some((name) => name.includes(filter)));
}

/**
 * Refuses filters that nothing matches, before minutes go into building what they would be tried on.
 *
 * @throws CodedError PLAN_UNKNOWN or TEST_UNKNOWN (exit code 2) with the names that there are.
 */
export function requireMatching(kind: NodeKind, filters: readonly string[], names: readonly string[]): void {
  const unmatched = unmatchedFilters(filters, names);
  if (unmatched.length === 0) return;
  const words = names.map((name) => name.slice(name.lastIndexOf('/') + 1));
  const likely = unmatched.flatMap((filter) => suggest(filter, words) ?? []);
  const code = kind === 'plan' ? 'PLAN_UNKNOWN' : 'TEST_UNKNOWN';
  throw new CodedError(code, `no ${kind} has ${unmatched.map((word) => `'${word}'`).join(' or ')} in its name`, {
    exitCode: 2,
    hint: likely.length > 0 ? `did you mean ${likely.join(', ')}?` : `there are: ${names.join(', ')}`,
  });
}

// A node inherits the keys of those above it, and `key+` adds to what it inherits.
function namesBelow(name: string, node: unknown, of: { keys: readonly string[]; isAbove: boolean }): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const isOne = of.isAbove || Object.keys(node).some((key) => of.keys.includes(key.replace(/\+$/, '')));
  const children = Object.entries(node).filter(([key]) => key.startsWith('/'));
  if (children.length === 0) return isOne ? [name] : [];
  return children.flatMap(([key, child]) => namesBelow(`${name}${key}`, child, { ...of, isAbove: isOne }));
}
