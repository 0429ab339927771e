import { hash } from 'node:crypto';
import { CodedError } from '@workbench/run';
import { linkedDigest } from '../repository/links.ts';
import type { Repository } from '../repository/repository.ts';
import { type OpenedStream, openStreamObject, readMergedStream } from '../repository/streams.ts';
import { type OciConfig, type OciManifest, parseConfig, parseManifest } from './manifest.ts';
import { contentTypes, type OciStreamKind, streamName } from './names.ts';
import { imageNotFound } from './tags.ts';

/** The documents of a stored image, or of any other artifact that has a manifest. */
export interface ImageDocuments {
  manifest: OciManifest;
  /** Bit for bit. */
  manifestBytes: Buffer;
  configBytes: Buffer;
  /** `sha256:` digest of the configuration. */
  configDigest: string;
  /** Named references of the configuration's stream: diff ids to layer streams, and the images. */
  configReferences: ReadonlyMap<string, string>;
  /** Named references of the manifest's stream: the configuration, and diff ids to layer streams. */
  manifestReferences: ReadonlyMap<string, string>;
  /** Digest of the manifest's stream. */
  manifestStream: string;
}

/** What an image says of itself. */
export interface ImageMetadata extends ImageDocuments {
  config: OciConfig;
}

/**
 * Reads manifest and configuration of an image; both are compared with their digests.
 *
 * @throws CodedError `IMAGE_NOT_FOUND` if it is not in the repository; `OCI_BLOB_MISMATCH`, `OCI_INVALID`, or what
 * reading a stream throws if it is damaged, or is no container image.
 */
export async function readImageMetadata(repository: Repository, manifestDigest: string): Promise<ImageMetadata> {
  const documents = await readImageDocuments(repository, manifestDigest);
  return { ...documents, config: parseConfig(documents.configBytes) };
}

/**
 * Reads manifest and configuration, as {@link readImageMetadata}, of what need not be a container image: the
 * configuration may be anything.
 */
export async function readImageDocuments(repository: Repository, manifestDigest: string): Promise<ImageDocuments> {
  const manifestStream = linkedDigest(repository, 'streams', streamName('manifest', manifestDigest));
  if (manifestStream === undefined) throw imageNotFound(repository, manifestDigest);
  const opened = await readJsonStream(repository, 'manifest', { digest: manifestDigest, stream: manifestStream });
  const manifest = parseManifest(opened.bytes);
  const configDigest = manifest.config.digest;
  const configStream = opened.stream.namedReferences.get(`config:${configDigest}`);
  if (configStream === undefined) {
    throw new CodedError('IMAGE_DAMAGED', `the manifest ${manifestDigest} does not lead to its configuration`, {
      hint: 'import the image anew',
    });
  }
  const config = await readJsonStream(repository, 'config', { digest: configDigest, stream: configStream });
  return {
    manifest,
    manifestBytes: opened.bytes,
    configBytes: config.bytes,
    configDigest,
    configReferences: config.stream.namedReferences,
    manifestReferences: opened.stream.namedReferences,
    manifestStream,
  };
}

/** Reads the JSON in a stream, and compares it with its plain digest. @throws CodedError `OCI_BLOB_MISMATCH`. */
export async function readJsonStream(
  repository: Repository,
  kind: OciStreamKind,
  { digest, stream }: { digest: string; stream: string },
): Promise<{ bytes: Buffer; stream: OpenedStream }> {
  const opened = await openStreamObject(repository, stream, contentTypes[kind]);
  const bytes = await readMergedStream(repository, opened);
  const actual = `sha256:${hash('sha256', bytes, 'hex')}`;
  if (actual === digest) return { bytes, stream: opened };
  throw new CodedError('OCI_BLOB_MISMATCH', `the ${kind} ${digest} has the digest ${actual}`, {
    hint: 'the repository is damaged: check it with fsck, and import the image anew',
  });
}
