import { formatAlgorithm, parseAlgorithm } from '../fsverity/algorithm.ts';
import { checkRepository } from '../repository/check.ts';
import { collectGarbage, planGarbageCollection } from '../repository/garbage-collection.ts';
import { findImage, readImageObjects } from '../repository/images.ts';
import { initRepository } from '../repository/init-repository.ts';
import { listReferences, referencedName } from '../repository/links.ts';
import { readMetadata } from '../repository/repository.ts';
import { type CliContext, chosenFormat, openNamedRepository, repositoryPath } from './context.ts';
import { formatFsck, formatGc, fsckJson } from './report-text.ts';

/** `cfs init [PATH]`. */
export async function runInit(
  context: CliContext,
  args: { path?: string | undefined; algorithm: string; insecure: boolean; ensure: boolean; 'reset-metadata': boolean },
): Promise<void> {
  const path = args.path ?? repositoryPath(context);
  const isThere = readMetadata(path) !== undefined && !args['reset-metadata'];
  await using repository = await initRepository(path, {
    algorithm: context.options.hash ?? parseAlgorithm(args.algorithm),
    verity: args.insecure ? 'off' : 'require',
    erofsFormats: { default: chosenFormat(context, undefined) },
    ensure: args.ensure,
    resetMetadata: args['reset-metadata'],
  });
  if (isThere) {
    const kept = args.ensure ? ' (existing configuration preserved)' : '';
    context.print(`Repository already initialized at ${path}${kept}`);
    return;
  }
  context.print(`Initialized composefs repository at ${path}`);
  context.print(`  algorithm: fsverity-${formatAlgorithm(repository.algorithm)}`);
  context.print(`  verity:    ${repository.isSecure ? 'required' : 'not required (insecure)'}`);
}

/** `cfs gc`. */
export async function runGc(context: CliContext, args: { root: string[]; 'dry-run': boolean }): Promise<void> {
  await using repository = await openNamedRepository(context);
  const options = { additionalRoots: args.root };
  const isDryRun = args['dry-run'];
  const plan = await (isDryRun ? planGarbageCollection(repository, options) : collectGarbage(repository, options));
  context.print(formatGc(plan, isDryRun));
}

/** `cfs fsck`. */
export async function runFsck(context: CliContext, args: { json: boolean; 'metadata-only': boolean }): Promise<void> {
  await using repository = await openNamedRepository(context);
  const report = await checkRepository(repository, { metadataOnly: args['metadata-only'] });
  if (args.json) {
    context.print(JSON.stringify(fsckJson(report), null, 2));
    return;
  }
  context.print(formatFsck(report));
  if (!report.ok) context.fail();
}

/** `cfs images`: named references to images. */
export async function runImages(context: CliContext): Promise<void> {
  await using repository = await openNamedRepository(context);
  const references = listReferences(repository, 'images');
  if (references.length === 0) context.print('No images found');
  for (const reference of references) {
    context.print(`${reference.name.slice('refs/'.length)} ${referencedName(reference) ?? ''}`);
  }
}

/** `cfs image-objects NAME`. */
export async function runImageObjects(context: CliContext, args: { name: string }): Promise<void> {
  await using repository = await openNamedRepository(context);
  const objects = readImageObjects(repository, findImage(repository, args.name));
  for (const digest of [...objects].sort()) context.print(`${repository.algorithm}:${digest}`);
}
