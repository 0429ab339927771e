import { CodedError } from '@workbench/run';
import { writeDumpfile } from '../dumpfile/write-dumpfile.ts';
import { parseDigest } from '../fsverity/algorithm.ts';
import { checkImages } from '../oci/check-images.ts';
import { readImageDocuments, readImageMetadata } from '../oci/image-metadata.ts';
import { imagesOf } from '../oci/image-references.ts';
import { buildImageTree, readFileNode } from '../oci/image-tree.ts';
import { importImage } from '../oci/import-image.ts';
import { findLinkedImages } from '../oci/linked-images.ts';
import { isContainerImage, parseConfig } from '../oci/manifest.ts';
import { makeMatchingBootImage } from '../oci/match-boot-image.ts';
import { listTags, resolveImage, tagImage, untagImage } from '../oci/tags.ts';
import { computeImageId } from '../repository/images.ts';
import type { Repository } from '../repository/repository.ts';
import { checkRepository } from '../threads/check-repository.ts';
import { transformForBoot } from '../tree/boot-transform.ts';
import { type AttributePolicy, transformImageTree } from '../tree/image-transform.ts';
import type { Directory } from '../tree/tree.ts';
import { type CliContext, chosenFormat, digestArgument, openNamedRepository } from './context.ts';
import { formatCounters, formatFsck, formatHurt, formatImageCheck, formatTable, fsckJson } from './report-text.ts';

/** `cfs oci pull IMAGE [NAME]`. */
export async function runPull(
  context: CliContext,
  args: {
    image: string;
    name?: string | undefined;
    bootable: boolean;
    'expected-digest'?: string | undefined;
    'local-fetch': string;
  },
): Promise<void> {
  const { 'expected-digest': expected, bootable } = args;
  if (expected !== undefined && !bootable) {
    throw new CodedError('USAGE', '--expected-digest is about an image to boot', {
      hint: 'add --bootable',
      exitCode: 2,
    });
  }
  await using repository = await openNamedRepository(context);
  const expectedDigest = expected === undefined ? undefined : parseDigest(expected, repository.algorithm);
  const tag = args.name ?? args.image;
  const result = await importImage(repository, args.image, {
    tag,
    bootable: bootable && expectedDigest === undefined,
    takesArtifacts: true,
  });
  context.print(`manifest ${result.manifestDigest}`);
  context.print(`config   ${result.configDigest}`);
  context.print(`verity   ${result.manifestStream}`);
  context.print(`tagged   ${tag}`);
  context.print(`objects  ${formatCounters(result.counters)}`);
  if (bootable && result.isArtifact) {
    throw new CodedError('OCI_ARTIFACT', `${args.image} is an artifact, of which nothing can be booted`, {
      hint: 'it is imported all the same; leave --bootable out',
    });
  }
  const bootImage = result.bootImageIds.get(repository.erofsFormats.default);
  if (bootImage !== undefined) context.print(`Boot image: ${bootImage}`);
  if (expectedDigest !== undefined) {
    const { manifestDigest } = result;
    const found = await makeMatchingBootImage(repository, { manifestDigest, tag, expectedDigest });
    const variant = `xattr-mode=${found.attributes}, format-version=V${found.format}`;
    context.print(`Boot image: ${expectedDigest} (${variant})`);
  }
  if (args['local-fetch'] === 'zerocopy' && result.counters.copied > 0) {
    throw new CodedError('COPY_NOT_SHARED', `${result.counters.copied} objects could only be copied`, {
      hint: 'the image is imported all the same; to share content, have both on one file system and one mount',
    });
  }
}

/** `cfs oci images`. Those that are damaged or lost are told of, and keep none of the others from being listed. */
export async function runListImages(context: CliContext, args: { json: boolean }): Promise<void> {
  await using repository = await openNamedRepository(context);
  const images = [];
  for (const [name, digest] of await listTags(repository, { withLost: true })) {
    try {
      images.push(await describeImage(repository, { name, digest }));
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      context.warn(`${name} is left out: ${error.message}; check it with: cfs oci fsck`);
    }
  }
  if (args.json) {
    context.print(JSON.stringify({ images }, null, 2));
    return;
  }
  const rows = images.map((image) => [
    image.name,
    image.manifest_digest.slice('sha256:'.length, 'sha256:'.length + 12),
    image.is_container ? image.architecture : 'artifact',
    String(image.layer_count),
    String(image.referrer_count),
  ]);
  context.print(
    rows.length === 0 ? 'No images found' : formatTable([['NAME', 'DIGEST', 'ARCH', 'LAYERS', 'REFS'], ...rows]),
  );
}

async function describeImage(repository: Repository, { name, digest }: { name: string; digest: string }) {
  const { manifest, configBytes } = await readImageDocuments(repository, digest);
  const config = isContainerImage(manifest) ? parseConfig(configBytes) : undefined;
  return {
    name,
    manifest_digest: digest,
    is_container: config !== undefined,
    architecture: config?.architecture ?? '',
    os: config?.os ?? '',
    created: config?.created ?? null,
    layer_count: manifest.layers.length,
    referrer_count: 0,
  };
}

/** `cfs oci inspect IMAGE`. */
export async function runInspect(
  context: CliContext,
  args: { image: string; manifest: boolean; config: boolean },
): Promise<void> {
  await using repository = await openNamedRepository(context);
  const metadata = await readImageDocuments(repository, await resolveImage(repository, args.image));
  const manifest = metadata.manifestBytes.toString();
  const config = metadata.configBytes.toString();
  if (args.manifest || args.config) {
    context.print(args.manifest ? manifest : config);
    return;
  }
  const format = repository.erofsFormats.default;
  const image = imagesOf(metadata.configReferences, false).get(format);
  const bootImage = imagesOf(metadata.configReferences, true).get(format);
  const shown = {
    manifest,
    config,
    referrers: [],
    composefs_erofs: image ?? null,
    composefs_boot_erofs: bootImage ?? null,
  };
  context.print(JSON.stringify(shown, null, 2));
}

/** `cfs oci linked-erofs-images VERITY`. */
export async function runLinkedImages(context: CliContext, args: { verity: string }): Promise<void> {
  await using repository = await openNamedRepository(context);
  const images = await findLinkedImages(repository, args.verity);
  const shown = images.map(({ digest, variant: { isBootable, format, attributes } }) => ({
    id: digest,
    bootable: isBootable,
    version: format,
    xattrMode: isBootable ? attributes : null,
  }));
  context.print(JSON.stringify(shown, null, 2));
}

/** `cfs oci tag MANIFEST_DIGEST NAME`. */
export async function runTag(context: CliContext, args: { digest: string; name: string }): Promise<void> {
  const digest = digestArgument(args.digest);
  await using repository = await openNamedRepository(context);
  await tagImage(repository, args.name, digest);
  context.print(`Tagged ${args.digest} as ${args.name}`);
}

/** `cfs oci untag NAME`. */
export async function runUntag(context: CliContext, args: { name: string }): Promise<void> {
  await using repository = await openNamedRepository(context);
  await untagImage(repository, args.name);
  context.print(`Removed tag ${args.name}`);
}

/** Which tree of an image `dump` and `compute-id` are about. */
export interface TreeArguments {
  image: string;
  bootable: boolean;
  xattrs: AttributePolicy;
  verity?: string | undefined;
}

/** `cfs oci dump IMAGE`. */
export async function runDump(context: CliContext, args: TreeArguments): Promise<void> {
  await using repository = await openNamedRepository(context);
  context.print(writeDumpfile(await transformedTree(repository, args)).trimEnd());
}

/** `cfs oci compute-id IMAGE`. */
export async function runComputeImageId(context: CliContext, args: TreeArguments): Promise<void> {
  await using repository = await openNamedRepository(context);
  const root = await transformedTree(repository, args);
  context.print(computeImageId(root, { algorithm: repository.algorithm, format: chosenFormat(context, repository) }));
}

/** `cfs oci fsck [IMAGE]`. */
export async function runImageFsck(
  context: CliContext,
  args: { image?: string | undefined; json: boolean },
): Promise<void> {
  await using repository = await openNamedRepository(context);
  const report = await checkRepository(repository);
  const check = await checkImages(repository, args.image);
  if (args.json) {
    const { imagesChecked, imagesCorrupted, errors } = check;
    const ok = report.ok && errors.length === 0;
    const shown = {
      ok,
      images_checked: imagesChecked,
      images_corrupted: imagesCorrupted,
      errors,
      repo: fsckJson(repository, report),
    };
    context.print(JSON.stringify(shown, null, 2));
    return;
  }
  context.print(formatFsck(report));
  context.print(formatImageCheck(check));
  if (report.hurtObjects.length > 0) context.print(formatHurt(report.hurtObjects));
  if (!report.ok || check.errors.length > 0) context.fail();
}

async function transformedTree(repository: Repository, args: TreeArguments): Promise<Directory> {
  const digest = await resolveImage(repository, args.image);
  if (args.verity !== undefined) await checkManifestStream(repository, digest, args.verity);
  const root = await buildImageTree(repository, digest);
  transformImageTree(root, args.xattrs);
  if (args.bootable) await transformForBoot(root, (leaf) => readFileNode(repository, leaf));
  return root;
}

async function checkManifestStream(repository: Repository, digest: string, expected: string): Promise<void> {
  const { manifestStream } = await readImageMetadata(repository, digest);
  if (manifestStream === expected) return;
  throw new CodedError('VERITY_MISMATCH', `the manifest stream of ${digest} is ${manifestStream}, not ${expected}`, {
    hint: 'the image was imported again since; leave the digest out, or give the present one',
  });
}
