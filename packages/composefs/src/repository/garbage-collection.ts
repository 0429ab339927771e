import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CodedError } from '@workbench/run';
import { unlinkIfPresent } from '../durable/remove.ts';
import { syncDirectory } from '../durable/sync.ts';
import { digestOfTarget, type LinkFolder, listLinks, listReferences, type RepositoryLink } from './links.ts';
import { computeLiveSet, type GcRoot } from './live-set.ts';
import { type LockWait, lockRepository } from './lock.ts';
import { listLeftovers, listObjectFiles } from './object-files.ts';
import { type Repository, requireWritable } from './repository.ts';
import { referenceOfTag } from './tag-names.ts';

/**
 * What a garbage collection removes, as a value that can be printed before anything is touched. Paths are below the
 * repository.
 */
export interface GcPlan {
  objects: { digest: string; sizeBytes: number }[];
  /** Sum of the sizes of these objects. */
  bytes: number;
  /** Links that lead nowhere, already or once the objects are gone. */
  imageLinks: string[];
  streamLinks: string[];
  /** Temporary files of stopped programs; known only under the exclusive lock, so empty before. */
  leftovers: string[];
  /** What is kept, and why. */
  roots: GcRoot[];
  /** How many objects these keep, as far as they are there. */
  keptObjects: number;
  /** Sum of the sizes of those; undefined where it was not asked for. */
  keptBytes: number | undefined;
}

export interface GcOptions {
  /** Exact names of entries to keep: digests of images, names of streams. */
  additionalRoots: string[];
  /** Tags that keep nothing, as if they were gone already: what a dry run foresees before they are taken away. */
  ignoreTags?: string[];
  /** Sizes of objects that are kept are asked for, which takes half of the time of a plan. */
  measureKept?: boolean;
  /** Called when others use the repository for long. */
  onWait?: (wait: LockWait) => void;
  signal?: AbortSignal;
}

/**
 * Finds out what a garbage collection would remove. Changes nothing.
 *
 * @throws CodedError as `computeLiveSet`; `GC_FOREIGN_FILE` if the repository holds what is none of it.
 */
export async function planGarbageCollection(
  repository: Repository,
  options: Pick<GcOptions, 'additionalRoots' | 'ignoreTags' | 'measureKept'>,
): Promise<GcPlan> {
  const ignored = new Set(options.ignoreTags?.map((tag) => `refs/${referenceOfTag(tag)}`));
  const { roots, objects: live } = await computeLiveSet(repository, options.additionalRoots, ignored);
  const objects: GcPlan['objects'] = [];
  const sizeOf = (path: string) => statSync(`${repository.path}/${path}`).size;
  let keptObjects = 0;
  let keptBytes = 0;
  for (const { path, digest } of listObjectFiles(repository)) {
    if (digest === undefined) throw foreignFile(repository, path);
    if (!live.has(digest)) {
      objects.push({ digest, sizeBytes: sizeOf(path) });
      continue;
    }
    keptObjects += 1;
    if (options.measureKept === true) keptBytes += sizeOf(path);
  }
  const doomed = new Set(objects.map(({ digest }) => digest));
  return {
    objects,
    bytes: objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    imageLinks: findDoomedLinks(repository, 'images', doomed),
    streamLinks: findDoomedLinks(repository, 'streams', doomed).filter(
      (link) => !ignored.has(link.slice('streams/'.length)),
    ),
    leftovers: [],
    roots,
    keptObjects,
    keptBytes: options.measureKept === true ? keptBytes : undefined,
  };
}

/**
 * Removes all objects that no reference and no additional root keeps, and the links to them, under the exclusive lock:
 * it waits until nobody else uses the repository. After it resolves, the plan it gives has been carried out. If it
 * throws or power is lost, part of it has been, links before objects, so that no link is left that leads nowhere;
 * calling it again finishes.
 *
 * @throws CodedError as {@link planGarbageCollection}, before anything is removed; the signal's reason.
 */
export async function collectGarbage(repository: Repository, options: Omit<GcOptions, 'ignoreTags'>): Promise<GcPlan> {
  requireWritable(repository);
  const { directoryFd, path } = repository;
  try {
    await lockRepository(directoryFd, path, 'exclusive', options);
    const plan = { ...(await planGarbageCollection(repository, options)), leftovers: listLeftovers(repository) };
    carryOut(repository, plan);
    return plan;
  } finally {
    await lockRepository(directoryFd, path, 'shared');
  }
}

function carryOut(repository: Repository, plan: GcPlan): void {
  const links = [...plan.imageLinks, ...plan.streamLinks];
  for (const link of links) unlinkIfPresent(join(repository.path, link));
  for (const directory of new Set(links.map((link) => dirname(link)))) syncDirectory(join(repository.path, directory));
  for (const { digest } of plan.objects) {
    unlinkIfPresent(join(repository.path, 'objects', digest.slice(0, 2), digest.slice(2)));
  }
  for (const leftover of plan.leftovers) unlinkIfPresent(join(repository.path, leftover));
}

// References come before the entries they lead to, so that a stop in between leaves none that leads nowhere.
function findDoomedLinks(repository: Repository, folder: LinkFolder, doomed: ReadonlySet<string>): string[] {
  const isDoomed = (link: RepositoryLink): boolean => {
    if (link.target === undefined) throw foreignFile(repository, `${folder}/${link.name}`);
    const digest = digestOfTarget(repository, link.target);
    return !link.isResolved || (digest !== undefined && doomed.has(digest));
  };
  const entries = listLinks(repository, folder).filter(isDoomed);
  const gone = new Set(entries.map(({ name }) => name));
  const references = listReferences(repository, folder).filter((link) => {
    return isDoomed(link) || gone.has(link.target?.split('/').at(-1) ?? '');
  });
  return [...references, ...entries].map(({ name }) => `${folder}/${name}`);
}

function foreignFile(repository: Repository, path: string): CodedError {
  return new CodedError('GC_FOREIGN_FILE', `${join(repository.path, path)} is nothing that belongs into a repository`, {
    hint: 'nothing was removed; move the file away, then collect again',
  });
}
