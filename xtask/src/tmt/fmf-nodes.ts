import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

/** What has names in the fmf tree: the folder of its files, and the keys that make a node one of them. */
const kinds = {
  plan: { folder: 'plans', keys: ['discover', 'execute'] },
  test: { folder: 'tests', keys: ['test'] },
} as const;

/** A kind of fmf node. */
export type NodeKind = keyof typeof kinds;

/** A plan or a test with its keys, those that it inherits too. */
export interface FmfNode {
  readonly name: string;
  readonly [key: string]: unknown;
}

type Keys = Readonly<Record<string, unknown>>;

/**
 * The tmt plans below `plans/`, or the tests below `tests/`, sorted by name, read from the files alone. A name is the path of
 * the file without its ending, and of the keys inside it that start with a slash; a node with such keys is none itself.
 * (See the fmf documentation, "Hierarchy" and "Inheritance". A file `main.fmf` stands for its folder.)
 */
export async function listNodes(kind: NodeKind, repository: string): Promise<FmfNode[]> {
  const { folder, keys } = kinds[kind];
  const files = await readdir(join(repository, folder), { recursive: true });
  const nodes: FmfNode[] = [];
  for (const file of files.filter((path) => path.endsWith('.fmf'))) {
    const content: unknown = parse(await readFile(join(repository, folder, file), 'utf8'));
    const name = `/${folder}/${file.replace(/\.fmf$/, '')}`.replace(/\/main$/, '');
    nodes.push(...nodesBelow(name, content, { keys, above: {} }));
  }
  return nodes.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The names of {@link listNodes}. */
export async function listNames(kind: NodeKind, repository: string): Promise<string[]> {
  return (await listNodes(kind, repository)).map(({ name }) => name);
}

/** Whether a name contains one of the filters; a filter that is one of all the names, whole, means that one alone. */
export function isChosen(name: string, filters: readonly string[], names: readonly string[]): boolean {
  return filters.some((filter) => (names.includes(filter) ? name === filter : name.includes(filter)));
}

/** The filters that none of the names contains. */
export function unmatchedFilters(filters: readonly string[], names: readonly string[]): string[] {
  return filters.filter((filter) => !names.some((name) => name.includes(filter)));
}

function nodesBelow(name: string, node: unknown, of: { keys: readonly string[]; above: Keys }): FmfNode[] {
  if (!isMap(node)) return [];
  const children = Object.entries(node).filter(([key]) => key.startsWith('/'));
  const own = Object.entries(node).filter(([key]) => !key.startsWith('/'));
  const all = inherit(of.above, own);
  if (children.length === 0) return of.keys.some((key) => key in all) ? [{ ...all, name }] : [];
  return children.flatMap(([key, child]) => nodesBelow(`${name}${key}`, child, { ...of, above: all }));
}

/** The keys of a node: its own replace those from above, and `key+` adds to what is there. */
function inherit(above: Keys, own: readonly (readonly [string, unknown])[]): Keys {
  const all: Record<string, unknown> = { ...above };
  for (const [key, value] of own) {
    if (key.endsWith('+')) all[key.slice(0, -1)] = add(all[key.slice(0, -1)], value);
    else all[key] = value;
  }
  return all;
}

function add(before: unknown, more: unknown): unknown {
  if (isMap(before) && isMap(more)) return inherit(before, Object.entries(more));
  if (Array.isArray(before) && Array.isArray(more)) return [...before, ...more];
  return typeof before === 'string' && typeof more === 'string' ? before + more : more;
}

function isMap(value: unknown): value is Keys {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
