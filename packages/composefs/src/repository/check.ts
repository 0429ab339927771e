import { checkImage, checkStream, createPresence, type LinkFinding } from './check-links.ts';
import { examineObject, messageOf, type ObjectProblem } from './examine-object.ts';
import { findHurt, type HurtObject } from './hurt-objects.ts';
import { digestOfTarget, type LinkFolder, listLinks, listReferences, type RepositoryLink } from './links.ts';
import { listObjectFiles, type ObjectFile } from './object-files.ts';
import { type Repository, readMetadata } from './repository.ts';

/** What a check of a repository found. */
export interface FsckReport {
  ok: boolean;
  hasMetadata: boolean;
  objectsChecked: number;
  objectsCorrupted: number;
  streamsChecked: number;
  streamsCorrupted: number;
  imagesChecked: number;
  imagesCorrupted: number;
  brokenLinks: number;
  missingObjects: number;
  /** One line each: `fsck: KIND: PATH…`. */
  errors: string[];
  /** Objects that are not what they should be, or not there at all, and what they hurt. */
  hurtObjects: HurtObject[];
  /** Whether the kernel guards every object, or digests are only computed. */
  verity: 'require' | 'off';
}

export interface CheckOptions {
  /** Leaves the digests of objects out. */
  metadataOnly?: boolean;
  /** Examines objects as {@link examineObject} does, in their order, perhaps elsewhere. */
  examine?: (files: readonly ObjectFile[]) => Promise<(ObjectProblem | undefined)[]>;
}

/**
 * Checks a repository: its metadata, the digest of every object (by the kernel where sealed, else computed), that every
 * stream and image is readable and finds its objects, and that all links lead somewhere. Damage is reported, not
 * thrown.
 */
export async function checkRepository(repository: Repository, options: CheckOptions = {}): Promise<FsckReport> {
  const report: FsckReport = {
    ok: true,
    hasMetadata: true,
    objectsChecked: 0,
    objectsCorrupted: 0,
    streamsChecked: 0,
    streamsCorrupted: 0,
    imagesChecked: 0,
    imagesCorrupted: 0,
    brokenLinks: 0,
    missingObjects: 0,
    errors: [],
    hurtObjects: [],
    verity: repository.isSecure ? 'require' : 'off',
  };
  const hurt = new Set<string>();
  checkMetadata(repository, report);
  const examine = options.examine ?? (async (files) => files.map((file) => examineObject(repository, file)));
  const files = options.metadataOnly === true ? [] : [...listObjectFiles(repository)];
  // Links are checked meanwhile, but told after the objects.
  const examined = examine(files);
  const ofLinks: FsckReport = { ...report, errors: [] };
  const isThere = createPresence(repository);
  const [streams, images] = await Promise.all([
    checkFolder(repository, 'streams', { report: ofLinks, hurt, isThere }),
    checkFolder(repository, 'images', { report: ofLinks, hurt, isThere }),
    examined,
  ]);
  await checkObjects(files, examined, { report, hurt });
  report.streamsChecked = streams.checked;
  report.streamsCorrupted = streams.corrupted;
  report.imagesChecked = images.checked;
  report.imagesCorrupted = images.corrupted;
  report.brokenLinks = ofLinks.brokenLinks;
  report.missingObjects = ofLinks.missingObjects;
  report.errors.push(...ofLinks.errors);
  report.ok = report.errors.length === 0;
  report.hurtObjects = await findHurt(repository, hurt);
  return report;
}

function checkMetadata(repository: Repository, report: FsckReport): void {
  try {
    const metadata = readMetadata(repository.path);
    report.hasMetadata = metadata !== undefined;
    if (metadata === undefined || metadata.algorithm === repository.algorithm) return;
    report.errors.push(`fsck: metadata-algorithm-mismatch: meta.json: ${metadata.algorithm}`);
  } catch (error) {
    report.errors.push(`fsck: metadata-parse-failed: meta.json: ${messageOf(error)}`);
  }
}

async function checkObjects(
  files: readonly ObjectFile[],
  examined: Promise<(ObjectProblem | undefined)[]>,
  { report, hurt }: { report: FsckReport; hurt: Set<string> },
): Promise<void> {
  const problems = await examined;
  for (const [i, file] of files.entries()) {
    report.objectsChecked += 1;
    const problem = problems[i];
    if (problem === undefined) continue;
    report.objectsCorrupted += 1;
    if (file.digest !== undefined) hurt.add(file.digest);
    report.errors.push(`fsck: ${problem.kind}: ${file.path}${problem.detail === '' ? '' : `: ${problem.detail}`}`);
  }
}

async function checkFolder(
  repository: Repository,
  folder: LinkFolder,
  context: { report: FsckReport; hurt: Set<string>; isThere: (digest: string) => boolean },
): Promise<{ checked: number; corrupted: number }> {
  const { report, hurt, isThere } = context;
  const entries = listLinks(repository, folder);
  let corrupted = 0;
  const count = (link: RepositoryLink, findings: LinkFinding[]) => {
    if (findings.length > 0) corrupted += 1;
    for (const { kind, detail, object } of findings) {
      if (object !== undefined) hurt.add(object);
      if (kind === 'broken-symlink') report.brokenLinks += 1;
      if (kind === 'missing-object-ref' || kind === 'missing-named-ref' || kind === 'image-missing-object') {
        report.missingObjects += 1;
      }
      report.errors.push(`fsck: ${kind}: ${folder}/${link.name}${detail === '' ? '' : `: ${detail}`}`);
    }
  };
  for (const link of entries) {
    if (link.target === undefined) count(link, [{ kind: 'entry-not-symlink', detail: '' }]);
    else if (!link.isResolved) count(link, [brokenLink(repository, link.target)]);
    else
      count(
        link,
        folder === 'images' ? checkImage(repository, link, isThere) : await checkStream(repository, link, isThere),
      );
  }
  const corruptedEntries = corrupted;
  for (const reference of listReferences(repository, folder)) {
    if (reference.target === undefined) count(reference, [{ kind: 'entry-not-symlink', detail: '' }]);
    else if (!reference.isResolved) count(reference, [{ kind: 'broken-symlink', detail: '' }]);
  }
  return { checked: entries.length, corrupted: corruptedEntries };
}

function brokenLink(repository: Repository, target: string): LinkFinding {
  const object = digestOfTarget(repository, target);
  return { kind: 'broken-symlink', detail: '', ...(object === undefined ? {} : { object }) };
}
