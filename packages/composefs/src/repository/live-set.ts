import { CodedError } from '@workbench/run';
import { isSplitStream } from '../splitstream/format.ts';
import { readImageObjects } from './images.ts';
import {
  digestOfTarget,
  type LinkFolder,
  listLinks,
  listReferences,
  type RepositoryLink,
  referencedName,
} from './links.ts';
import { objectSize, readObjectHead } from './objects.ts';
import type { Repository } from './repository.ts';
import { openStreamObject } from './streams.ts';

/** Something that must be kept, with all that it refers to. */
export interface GcRoot {
  folder: LinkFolder;
  /** Its entry in the folder. */
  name: string;
  digest: string;
  /** Why: the references that lead to it, or that the caller demands it. */
  reason: string;
}

/** What the roots of a repository keep. */
export interface LiveSet {
  roots: GcRoot[];
  /** Digests of all objects that must stay. */
  objects: Set<string>;
}

/**
 * Computes what must be kept: every image and stream that a reference leads to or that is an additional root, and all
 * objects that these refer to, directly or through other streams. Streams are followed by what the object is, not by
 * whether a link still names it: a lost link must not cost the content of an image. Nor must a lost stream, of which it is
 * not known what it led to.
 *
 * @param additionalRoots exact names of entries, looked up in both folders.
 * @param ignored references of the streams (`refs/…`) that keep nothing.
 * @throws CodedError `GC_ROOT_MISSING` if an additional root is not there; `GC_NO_ROOTS` if there are references, and
 * none of them leads to anything; `GC_ROOT_UNREADABLE` if something that has to be kept is damaged or lost, so that it is
 * not known what else to keep.
 */
export async function computeLiveSet(
  repository: Repository,
  additionalRoots: readonly string[],
  ignored: ReadonlySet<string> = new Set(),
): Promise<LiveSet> {
  const roots = findRoots(repository, additionalRoots, ignored);
  const objects = new Set<string>();
  const streams = new Set<string>();
  for (const root of roots) {
    try {
      await collectReachable(repository, root, { objects, streams });
    } catch (error) {
      throw new CodedError('GC_ROOT_UNREADABLE', `${root.folder}/${root.name}, which has to be kept, is damaged`, {
        hint: 'nothing was removed; check the repository with fsck, and import or remove that image',
        cause: error,
      });
    }
  }
  return { roots, objects };
}

/**
 * Adds to `found` all objects that an entry of a folder refers to, directly or through other streams, itself included.
 * Streams that are in it already are not followed again.
 *
 * @throws CodedError if something on the way is damaged; what was found before stays in `found`. If a stream is lost
 * (`OBJECT_MISSING`), after all others were followed.
 */
export async function collectReachable(
  repository: Repository,
  { folder, digest }: { folder: LinkFolder; digest: string },
  found: { objects: Set<string>; streams: Set<string> },
): Promise<void> {
  if (folder === 'streams') return followStreams(repository, digest, found);
  found.objects.add(digest);
  for (const object of readImageObjects(repository, digest)) found.objects.add(object);
}

async function followStreams(
  repository: Repository,
  first: string,
  found: { objects: Set<string>; streams: Set<string> },
): Promise<void> {
  const missing: string[] = [];
  const pending = [first];
  for (let digest = pending.pop(); digest !== undefined; digest = pending.pop()) {
    if (found.streams.has(digest)) continue;
    found.streams.add(digest);
    found.objects.add(digest);
    const stream = await openStreamObject(repository, digest);
    for (const object of stream.objectReferences) found.objects.add(object);
    for (const named of stream.namedReferences.values()) {
      found.objects.add(named);
      if (objectSize(repository, named) === undefined) missing.push(named);
      else if (isSplitStream(readObjectHead(repository, named))) pending.push(named);
    }
  }
  if (missing.length === 0) return;
  // Only links tell whether it was a stream. A lost image is none, and leads to nothing that its layers do not.
  const linked = listLinks(repository, 'streams').map((link) => linkTarget(repository, link));
  for (const digest of missing) if (linked.includes(digest)) await openStreamObject(repository, digest);
}

function linkTarget(repository: Repository, { target }: RepositoryLink): string | undefined {
  return target === undefined ? undefined : digestOfTarget(repository, target);
}

function findRoots(repository: Repository, additionalRoots: readonly string[], ignored: ReadonlySet<string>): GcRoot[] {
  const roots = new Map<string, GcRoot>();
  let references = 0;
  const lost: string[] = [];
  const unfound = new Set(additionalRoots);
  for (const folder of ['images', 'streams'] as const) {
    const entries = new Map(listLinks(repository, folder).map((link) => [link.name, link]));
    const add = (name: string | undefined, reason: string): boolean => {
      const entry = name === undefined ? undefined : entries.get(name);
      const digest = entry === undefined ? undefined : linkTarget(repository, entry);
      if (entry === undefined || digest === undefined || !entry.isResolved) return false;
      const key = `${folder}/${entry.name}`;
      const known = roots.get(key);
      if (known === undefined) roots.set(key, { folder, name: entry.name, digest, reason });
      else known.reason += `, ${reason}`;
      return true;
    };
    for (const reference of listReferences(repository, folder)) {
      if (folder === 'streams' && ignored.has(reference.name)) continue;
      references += 1;
      const path = `${folder}/${reference.name}`;
      if (!add(referencedName(reference), path)) lost.push(path);
    }
    for (const name of additionalRoots) if (add(name, 'asked for')) unfound.delete(name);
  }
  if (unfound.size > 0) {
    throw new CodedError('GC_ROOT_MISSING', `${[...unfound].join(', ')} shall be kept, but is not in the repository`, {
      hint: 'nothing was removed; name entries of images/ or streams/ that are there',
    });
  }
  if (references > 0 && roots.size === 0) {
    throw new CodedError(
      'GC_NO_ROOTS',
      `none of the ${references} references in ${repository.path} leads to anything`,
      {
        hint: 'nothing was removed, since that would be everything; check the repository with fsck',
      },
    );
  }
  if (lost.length > 0) {
    throw new CodedError('GC_ROOT_UNREADABLE', `${lost.join(', ')} leads to nothing, but names what has to be kept`, {
      hint: 'nothing was removed; import that image anew; or if it shall go: cfs oci untag, or remove that link',
    });
  }
  return [...roots.values()];
}
