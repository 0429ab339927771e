import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { computeFdVerity } from '../fsverity/digest.ts';
import { measureFile } from '../fsverity/seal.ts';
import { checkImage, checkStream, type LinkFinding } from './check-links.ts';
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

/**
 * Checks a repository: its metadata, the digest of every object (by the kernel where sealed, else computed), that every
 * stream and image is readable and finds its objects, and that all links lead somewhere. Damage is reported, not
 * thrown.
 *
 * @param options.metadataOnly leaves the digests of objects out.
 */
export async function checkRepository(
  repository: Repository,
  options: { metadataOnly?: boolean } = {},
): Promise<FsckReport> {
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
  if (options.metadataOnly !== true) checkObjects(repository, report, hurt);
  const streams = await checkFolder(repository, 'streams', { report, hurt });
  report.streamsChecked = streams.checked;
  report.streamsCorrupted = streams.corrupted;
  const images = await checkFolder(repository, 'images', { report, hurt });
  report.imagesChecked = images.checked;
  report.imagesCorrupted = images.corrupted;
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

function checkObjects(repository: Repository, report: FsckReport, hurt: Set<string>): void {
  for (const file of listObjectFiles(repository)) {
    report.objectsChecked += 1;
    const problem = checkObject(repository, file);
    if (problem === undefined) continue;
    report.objectsCorrupted += 1;
    if (file.digest !== undefined) hurt.add(file.digest);
    report.errors.push(`fsck: ${problem.kind}: ${file.path}${problem.detail === '' ? '' : `: ${problem.detail}`}`);
  }
}

function checkObject(repository: Repository, file: ObjectFile): { kind: string; detail: string } | undefined {
  if (file.digest === undefined) return { kind: 'object-invalid-name', detail: 'not a digest of the repository' };
  let fd: number;
  try {
    fd = openSync(join(repository.path, file.path), constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    return { kind: 'object-open-failed', detail: messageOf(error) };
  }
  try {
    const measured = measureFile(fd, repository.algorithm);
    if (measured.state !== 'sealed' && repository.isSecure) return { kind: 'object-verity-missing', detail: '' };
    const digest = measured.state === 'sealed' ? measured.digest : computeFdVerity(fd, repository.algorithm);
    return digest === file.digest ? undefined : { kind: 'object-digest-mismatch', detail: `measured ${digest}` };
  } catch (error) {
    return { kind: 'object-verity-failed', detail: messageOf(error) };
  } finally {
    closeSync(fd);
  }
}

async function checkFolder(
  repository: Repository,
  folder: LinkFolder,
  { report, hurt }: { report: FsckReport; hurt: Set<string> },
): Promise<{ checked: number; corrupted: number }> {
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
    else count(link, folder === 'images' ? checkImage(repository, link) : await checkStream(repository, link));
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

function messageOf(error: unknown): string {
  if (error instanceof CodedError || error instanceof Error) return error.message;
  return String(error);
}
