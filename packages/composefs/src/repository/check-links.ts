import { CodedError } from '@workbench/run';
import type { SplitStream } from '../splitstream/reader.ts';
import { readImageObjects } from './images.ts';
import { linkedDigest, type RepositoryLink } from './links.ts';
import { hasObject } from './objects.ts';
import type { Repository } from './repository.ts';
import { openStreamObject } from './streams.ts';

/** A kind of damage as `cfsctl fsck` names it, and what more there is to say. */
export interface LinkFinding {
  kind: string;
  detail: string;
  /** The object that is damaged or missing, if it is known. */
  object?: string;
}

/** Tells whether objects are there, asking for each once: most are in several images and streams. */
export function createPresence(repository: Repository): (digest: string) => boolean {
  const known = new Map<string, boolean>();
  return (digest) => {
    const answer = known.get(digest) ?? hasObject(repository, digest);
    known.set(digest, answer);
    return answer;
  };
}

/** Checks that the stream of a link that leads somewhere is readable, and that all it refers to is there. */
export async function checkStream(
  repository: Repository,
  link: RepositoryLink,
  isThere: (digest: string) => boolean,
): Promise<LinkFinding[]> {
  const digest = linkedDigest(repository, 'streams', link.name);
  const unopened: LinkFinding = { kind: 'stream-open-failed', detail: `Opening stream '${link.name}'` };
  if (digest === undefined) return [unopened];
  const damaged = { object: digest };
  try {
    const stream = await openStreamObject(repository, digest);
    const findings: LinkFinding[] = [];
    for (const object of stream.objectReferences) {
      if (!isThere(object)) {
        findings.push({ kind: 'missing-object-ref', detail: object, object });
      }
    }
    for (const [name, named] of stream.namedReferences) {
      if (!isThere(named)) {
        findings.push({ kind: 'missing-named-ref', detail: `ref ${name}: ${named}`, object: named });
      }
    }
    if (findings.length > 0) return findings;
    return (await readThrough(stream)).map((finding) => ({ ...finding, ...damaged }));
  } catch (error) {
    if (error instanceof CodedError) return [{ ...unopened, ...damaged }];
    throw error;
  }
}

/** Checks that the image of a link that leads somewhere is valid, and that all its objects are there. */
export function checkImage(
  repository: Repository,
  link: RepositoryLink,
  isThere: (digest: string) => boolean,
): LinkFinding[] {
  const digest = linkedDigest(repository, 'images', link.name);
  if (digest !== link.name) return [{ kind: 'image-invalid', detail: `it leads to ${link.target}` }];
  try {
    return [...readImageObjects(repository, digest)]
      .filter((object) => !isThere(object))
      .map((object) => ({ kind: 'image-missing-object', detail: object, object }));
  } catch (error) {
    if (error instanceof CodedError) return [{ kind: 'image-invalid', detail: error.message, object: digest }];
    throw error;
  }
}

async function readThrough(stream: Pick<SplitStream, 'batches'>): Promise<LinkFinding[]> {
  try {
    for await (const batch of stream.batches()) for (const _ of batch);
    return [];
  } catch (error) {
    if (error instanceof CodedError) return [{ kind: 'stream-read-failed', detail: error.message }];
    throw error;
  }
}
