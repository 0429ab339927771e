import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

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
    names.push(...namesBelow(name, content));
  }
  return names.sort();
}

function namesBelow(name: string, node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const children = Object.entries(node).filter(([key]) => key.startsWith('/'));
  if (children.length === 0) return 'discover' in node || 'execute' in node ? [name] : [];
  return children.flatMap(([key, child]) => namesBelow(`${name}${key}`, child));
}
