import { readImage } from '../erofs/read-image.ts';
import { formatAlgorithm, parseAlgorithm } from '../fsverity/algorithm.ts';
import { commitLinks } from '../repository/commit.ts';
import { collectGarbage, planGarbageCollection } from '../repository/garbage-collection.ts';
import { findImage, readImageObjects } from '../repository/images.ts';
import { initializeRepository } from '../repository/init-repository.ts';
import { listReferences, referencedName } from '../repository/links.ts';
import { storeObject } from '../repository/store-object.ts';
import { type CliContext, chosenFormat, lockNotice, openNamedRepository, repositoryPath } from './context.ts';
import { formatGc, formatGcDetails, gcJson } from './gc-text.ts';
import { formatTable } from './report-text.ts';

/** `cfs init [PATH]`. As in cfsctl, `--hash` has no say in it. */
export async function runInit(
  context: CliContext,
  args: { path?: string | undefined; algorithm: string; insecure: boolean; ensure: boolean; 'reset-metadata': boolean },
): Promise<void> {
  const path = args.path ?? repositoryPath(context);
  const { repository, outcome } = await initializeRepository(path, {
    algorithm: parseAlgorithm(args.algorithm),
    verity: args.insecure ? 'off' : 'require',
    erofsFormats: { default: chosenFormat(context, undefined) },
    ensure: args.ensure,
    resetMetadata: args['reset-metadata'],
  });
  await using _ = repository;
  if (outcome === 'upgraded') {
    context.print(`Upgraded legacy repository at ${path}`);
    return;
  }
  if (outcome === 'opened') {
    const kept = args.ensure ? ' (existing configuration preserved)' : '';
    context.print(`Repository already initialized at ${path}${kept}`);
    return;
  }
  context.print(`Initialized composefs repository at ${path}`);
  context.print(`  algorithm: fsverity-${formatAlgorithm(repository.algorithm)}`);
  context.print(`  verity:    ${repository.isSecure ? 'required' : 'not required (insecure)'}`);
}

/** `cfs transaction`: holds the shared lock until a signal ends it. */
export async function runTransaction(context: CliContext): Promise<void> {
  await using _repository = await openNamedRepository(context);
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {}, 1 << 30);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        clearInterval(timer);
        resolve();
      });
    }
  });
}

/** `cfs gc`. */
export async function runGc(
  context: CliContext,
  args: { root: string[]; 'dry-run': boolean; verbose: boolean; json: boolean },
): Promise<void> {
  await using repository = await openNamedRepository(context);
  const options = {
    additionalRoots: args.root,
    onWait: lockNotice(context),
    measureKept: args.json || args.verbose,
  };
  const isDryRun = args['dry-run'];
  const plan = await (isDryRun ? planGarbageCollection(repository, options) : collectGarbage(repository, options));
  if (args.json) {
    context.print(JSON.stringify(gcJson(plan, isDryRun), null, 2));
    return;
  }
  context.print(formatGc(plan, isDryRun));
  if (args.verbose) context.print(formatGcDetails(plan));
}

/** `cfs import-image REFERENCE`. */
export async function runImportImage(context: CliContext, args: { reference: string }): Promise<void> {
  await using repository = await openNamedRepository(context);
  const pieces: Buffer[] = [];
  for await (const piece of context.input) pieces.push(piece);
  const content = Buffer.concat(pieces);
  // What is no image would make every later garbage collection refuse to work.
  readImage(content, { algorithm: repository.algorithm });
  const { digest } = await storeObject(repository, content);
  await commitLinks(repository, [
    { folder: 'images', name: digest, digest },
    { folder: 'images', reference: args.reference, entry: digest },
  ]);
  context.print(`${repository.algorithm}:${digest}`);
}

/** `cfs images`: named references to images. */
export async function runImages(context: CliContext, args: { json: boolean; 'no-trunc': boolean }): Promise<void> {
  await using repository = await openNamedRepository(context);
  const images = listReferences(repository, 'images').map((reference) => ({
    name: reference.name.slice('refs/'.length),
    digest: referencedName(reference) ?? '',
  }));
  if (args.json) {
    context.print(JSON.stringify({ images }, null, 2));
    return;
  }
  const shown = images.map(({ name, digest }) => [name, args['no-trunc'] ? digest : digest.slice(0, 12)]);
  context.print(shown.length === 0 ? 'No images found' : formatTable([['NAME', 'DIGEST'], ...shown]));
}

/** `cfs image-objects NAME`. */
export async function runImageObjects(context: CliContext, args: { name: string }): Promise<void> {
  await using repository = await openNamedRepository(context);
  const objects = readImageObjects(repository, findImage(repository, args.name));
  for (const digest of [...objects].sort()) context.print(`${repository.algorithm}:${digest}`);
}
