import { dirname, join } from 'node:path';
import { makeDirectory } from '../durable/make-directory.ts';
import { removeFile } from '../durable/remove.ts';
import { replaceSymlink } from '../durable/replace.ts';
import { syncDirectory, syncFilesystem } from '../durable/sync.ts';
import { checkReferenceName, type LinkFolder } from './links.ts';
import { objectPath } from './objects.ts';
import { type Repository, requireWritable } from './repository.ts';

/** A name that is to lead to something: an entry to an object, or a reference (below `refs/`) to an entry. */
export type NewLink =
  | { folder: LinkFolder; name: string; digest: string }
  | { folder: LinkFolder; reference: string; entry: string };

/**
 * Makes names lead to what was stored, in the order given, so that the one that makes all others reachable should be
 * last. Everything stored before is synced first: a name that is visible leads to what is on disk in full. References to
 * entries that are visible already need no more than those entries. After it resolves, the names are on disk too. If it
 * throws or power is lost, any number of them from the beginning are as they should be, the others as they were.
 */
export async function commitLinks(repository: Repository, links: readonly NewLink[]): Promise<void> {
  requireWritable(repository);
  if (links.length === 0) return;
  if (links.some((link) => 'digest' in link)) await syncFilesystem(repository.path);
  else for (const folder of new Set(links.map((link) => link.folder))) syncDirectory(join(repository.path, folder));
  const changed = new Set<string>();
  for (const link of links) {
    const name = 'digest' in link ? link.name : `refs/${link.reference}`;
    checkReferenceName(name);
    const path = join(repository.path, link.folder, name);
    for (const made of makeParents(repository.path, `${link.folder}/${name}`)) changed.add(dirname(made));
    replaceSymlink(path, targetOf(link, name), repository.path);
    changed.add(dirname(path));
  }
  for (const directory of changed) syncDirectory(directory);
}

/** Takes a reference away. After it resolves, it is gone on disk; what it led to stays until garbage is collected. */
export async function removeReference(repository: Repository, folder: LinkFolder, reference: string): Promise<void> {
  requireWritable(repository);
  checkReferenceName(reference);
  await removeFile(join(repository.path, folder, 'refs', reference));
}

function targetOf(link: NewLink, name: string): string {
  if ('digest' in link) return `../${objectPath(link.digest)}`;
  return '../'.repeat(name.split('/').length - 1) + link.entry;
}

function makeParents(root: string, path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  const made: string[] = [];
  for (let i = 1; i <= parts.length; i++) {
    const directory = join(root, ...parts.slice(0, i));
    if (makeDirectory(directory, 0o755)) made.push(directory);
  }
  return made;
}
