import { CodedError } from '@workbench/run';
import { type LinkFolder, linkedDigest, listLinks, listReferences, referencedName } from './links.ts';
import { collectReachable } from './live-set.ts';
import { hasObject } from './objects.ts';
import type { Repository } from './repository.ts';
import { tagOfReference } from './tag-names.ts';

/** An object that is damaged or missing, and what needs it. */
export interface HurtObject {
  digest: string;
  problem: 'damaged' | 'missing';
  /** Tags, other references (`streams/refs/…`, `images/refs/…`) and images (`images/HEX`) that need it. */
  needers: string[];
}

/** Finds out what needs objects that are known to be damaged or missing. */
export async function findHurt(repository: Repository, digests: ReadonlySet<string>): Promise<HurtObject[]> {
  if (digests.size === 0) return [];
  const hurt = new Map<string, HurtObject>(
    [...digests].sort().map((digest) => {
      return [digest, { digest, problem: hasObject(repository, digest) ? 'damaged' : 'missing', needers: [] }];
    }),
  );
  for (const { name, folder, digest } of listNamed(repository)) {
    for (const object of await reachableFrom(repository, { folder, digest })) hurt.get(object)?.needers.push(name);
  }
  return [...hurt.values()];
}

interface NamedEntry {
  name: string;
  folder: LinkFolder;
  digest: string;
}

function listNamed(repository: Repository): NamedEntry[] {
  const named: NamedEntry[] = [];
  const add = (name: string, folder: LinkFolder, entry: string | undefined): void => {
    const digest = entry === undefined ? undefined : linkedDigest(repository, folder, entry);
    if (digest !== undefined) named.push({ name, folder, digest });
  };
  for (const folder of ['streams', 'images'] as const) {
    for (const reference of listReferences(repository, folder)) {
      const tag = folder === 'streams' ? tagOfReference(reference.name.slice('refs/'.length)) : undefined;
      add(tag ?? `${folder}/${reference.name}`, folder, referencedName(reference));
    }
  }
  for (const { name } of listLinks(repository, 'images')) add(`images/${name}`, 'images', name);
  return named;
}

// Of something damaged, as far as it can be read.
async function reachableFrom(
  repository: Repository,
  entry: { folder: LinkFolder; digest: string },
): Promise<ReadonlySet<string>> {
  const objects = new Set<string>();
  try {
    await collectReachable(repository, entry, { objects, streams: new Set() });
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
  }
  return objects;
}
