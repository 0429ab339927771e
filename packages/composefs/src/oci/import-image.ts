import { hash } from 'node:crypto';
import { CodedError } from '@workbench/run';
import type { ImageSource } from '../containers-storage/image-source.ts';
import type { TransferMethod } from '../containers-storage/transfer.ts';
import { commitLinks, type NewLink } from '../repository/commit.ts';
import { type ImportCounters, zeroCounters } from '../repository/layer-builder.ts';
import { linkedDigest } from '../repository/links.ts';
import type { ErofsFormat } from '../repository/metadata.ts';
import { isUsable } from '../repository/objects.ts';
import { type Repository, requireWritable } from '../repository/repository.ts';
import { openStreamObject } from '../repository/streams.ts';
import { referenceOfTag } from '../repository/tag-names.ts';
import type { Directory } from '../tree/tree.ts';
import { type BuiltImages, buildImages } from './build-images.ts';
import { imagesOf, mergeImageReferences } from './image-references.ts';
import { storeImageStreams } from './image-streams.ts';
import type { StoredLayer } from './image-tree.ts';
import { findStream, type ImportedLayers, type ImportProgress, importLayers } from './import-layers.ts';
import { isContainerImage, parseManifest, requireContainerImage } from './manifest.ts';
import { contentTypes, streamName } from './names.ts';
import { openSource, type SourceOptions } from './open-source.ts';

export interface ImportOptions extends SourceOptions {
  /** Made to name the image in the end; without one, the next garbage collection removes it. */
  tag?: string;
  /** Makes the images to boot, beside the plain ones. */
  bootable: boolean;
  /** Takes artifacts too, of which no images are made. */
  takesArtifacts?: boolean;
  /** Makes nothing but the images to boot: an operating system is never mounted from the plain ones. */
  isBootOnly?: boolean;
  /** Formats, 1 or 2, in which images are made beside those that the repository says. */
  moreFormats?: readonly ErofsFormat[];
  /** Threads that store objects; 0 for none. Default: as many as are of use, if there is much to import. */
  threads?: number;
  onProgress?(progress: ImportProgress): void;
}

export interface ImportResult {
  /** `sha256:` digests of the JSON. */
  manifestDigest: string;
  configDigest: string;
  /** Digests of the plain images, by format; empty with `isBootOnly`, unless they were there. */
  imageIds: Map<ErofsFormat, string>;
  /** Empty unless `bootable` was asked for. */
  bootImageIds: Map<ErofsFormat, string>;
  /**
   * `/boot` of the image as its layers make it, which is emptied in an image to boot. Undefined if it has none; and if nothing was
   * made anew, since then it was not looked at.
   */
  bootFolder?: Directory;
  /** Digests of the streams of manifest and configuration. */
  manifestStream: string;
  configStream: string;
  counters: ImportCounters;
  /** Whether it is no container image, so that it has no images. */
  isArtifact: boolean;
  /** How content came out of container storage; undefined if none did, and for sources whose content is packed. */
  transferMethod: TransferMethod | undefined;
}

/**
 * Imports a container image, or an artifact if that is wanted, named as {@link openSource} has it or opened otherwise. Layers
 * that are there already are neither read nor fetched.
 *
 * After it resolves, the image and its tag are on disk in full. If it throws, is stopped, or power is lost, the tag is
 * as it was before, and the layers that were complete are found by the next import, of those at the end some 64 MB less
 * where it could do nothing more; anything else is garbage, for the next collection.
 *
 * @throws CodedError `IMPORT_SOURCE`; `OCI_ARTIFACT`; `REPOSITORY_FORMAT` for a repository of format 0, whose images nothing could find
 * again; what opening the source, reading layers, and transforming the tree throw; the signal's reason.
 */
export async function importImage(
  repository: Repository,
  source: string | ImageSource,
  options: ImportOptions,
): Promise<ImportResult> {
  requireWritable(repository);
  const formats = importedFormats(repository, options.moreFormats);
  const reference = options.tag === undefined ? undefined : referenceOfTag(options.tag);
  const image = typeof source === 'string' ? await openSource(source, options) : source;
  await using _ = { [Symbol.asyncDispose]: async () => image.close?.() };
  const manifest = parseManifest(image.manifest);
  const isArtifact = options.takesArtifacts === true && !isContainerImage(manifest);
  if (!isArtifact) requireContainerImage(manifest, typeof source === 'string' ? source : 'the image');
  const counters = zeroCounters();
  const imported = await importLayers(repository, image, { ...options, counters });
  try {
    const completed = await completeImage(repository, image, {
      ...options,
      ...imported,
      formats,
      reference,
      isArtifact,
    });
    await image.mergeLinkable?.(repository, counters);
    return { ...completed, isArtifact, counters, transferMethod: image.transferMethod?.() };
  } catch (error) {
    // What made the import fail is told, whether or not the next one finds these layers.
    await commitLinks(repository, imported.unnamed).catch(() => {});
    throw error;
  }
}

/** Makes and names what an image has beside its layers. @returns all of the result that has no part in reading them. */
async function completeImage(
  repository: Repository,
  image: ImageSource,
  options: ImportOptions &
    ImportedLayers & { formats: readonly ErofsFormat[]; reference: string | undefined; isArtifact: boolean },
): Promise<Omit<ImportResult, 'counters' | 'isArtifact' | 'transferMethod'>> {
  const { layers, named, unnamed, formats, reference, isArtifact } = options;
  const manifestDigest = `sha256:${hash('sha256', image.manifest, 'hex')}`;
  const configDigest = `sha256:${hash('sha256', image.config, 'hex')}`;
  const former = await readFormerReferences(repository, configDigest);
  const built = await findOrBuild(repository, layers, {
    former,
    formats,
    isPlain: !isArtifact && options.isBootOnly !== true,
    isBootable: !isArtifact && (options.bootable || options.isBootOnly === true),
  }).finally(() => named);
  options.signal?.throwIfAborted();

  const { configStream, manifestStream, links } = await storeImageStreams(repository, {
    manifest: image.manifest,
    config: image.config,
    manifestDigest,
    configDigest,
    layers,
    images: mergeImageReferences(former, built.images, built.bootImages),
  });
  const imageLinks = [...built.images.values(), ...built.bootImages.values()].map((digest): NewLink => {
    return { folder: 'images', name: digest, digest };
  });
  const entry = streamName('manifest', manifestDigest);
  const tagLinks: NewLink[] = reference === undefined ? [] : [{ folder: 'streams', reference, entry }];
  await commitLinks(repository, [...unnamed, ...imageLinks, ...links, ...tagLinks]);
  return {
    manifestDigest,
    configDigest,
    configStream,
    imageIds: built.images,
    bootImageIds: built.bootImages,
    ...(built.bootFolder === undefined ? {} : { bootFolder: built.bootFolder }),
    manifestStream,
  };
}

function importedFormats(repository: Repository, more: readonly ErofsFormat[] = []): ErofsFormat[] {
  const { default: first, extra } = repository.erofsFormats;
  const formats = [...new Set([first, ...extra, ...more])];
  if (!formats.includes(0)) return formats;
  throw new CodedError(
    'REPOSITORY_FORMAT',
    `${repository.path} makes images of format 0, which no image can refer to`,
    {
      hint: 'use a repository whose formats are 1 or 2: cfs init --erofs-version 1',
    },
  );
}

async function readFormerReferences(
  repository: Repository,
  configDigest: string,
): Promise<ReadonlyMap<string, string>> {
  const digest = findStream(repository, streamName('config', configDigest));
  if (digest === undefined) return new Map();
  return (await openStreamObject(repository, digest, contentTypes.config)).namedReferences;
}

// An image that was imported before has its images already, unless it lacks one of those wanted now.
async function findOrBuild(
  repository: Repository,
  layers: readonly StoredLayer[],
  options: {
    former: ReadonlyMap<string, string>;
    formats: readonly ErofsFormat[];
    isPlain: boolean;
    isBootable: boolean;
  },
): Promise<BuiltImages> {
  const { former, formats, isPlain, isBootable } = options;
  const isLinked = (digest: string | undefined) =>
    digest !== undefined && linkedDigest(repository, 'images', digest) === digest && isUsable(repository, digest);
  const pick = (images: Map<ErofsFormat, string>) =>
    new Map([...images].filter(([format]) => formats.includes(format)));
  const found = {
    images: new Map([...pick(imagesOf(former, false))].filter(([, digest]) => isPlain || isLinked(digest))),
    bootImages: isBootable ? pick(imagesOf(former, true)) : new Map(),
  };
  const isComplete = formats.every((format) => {
    return (!isPlain || isLinked(found.images.get(format))) && (!isBootable || isLinked(found.bootImages.get(format)));
  });
  return isComplete ? found : buildImages(repository, layers, { formats, isPlain, isBootable });
}
