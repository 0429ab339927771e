import { createHash, hash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import type { ImageSource, LayerSource } from '../containers-storage/image-source.ts';
import { isSystemError } from '../syscalls/libc.ts';
import { decompressLayer } from './decompress.ts';
import {
  isContainerImage,
  isIndex,
  type OciDescriptor,
  type OciIndex,
  parseConfig,
  parseIndex,
  parseManifest,
} from './manifest.ts';
import { checkSha256 } from './names.ts';
import { readArchiveLayer } from './read-archive-layer.ts';

const refNameAnnotation = 'org.opencontainers.image.ref.name';
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Opens an image in an OCI image layout, a folder with `index.json` and `blobs/`. Every blob that is read is compared
 * with its digest.
 *
 * @param reference `DIR` or `DIR:TAG`.
 * @throws CodedError `OCI_LAYOUT` if there is no layout, or no such image in it; `OCI_INVALID`; `OCI_BLOB_MISMATCH`.
 */
export function openLayout(reference: string): ImageSource {
  const { directory, tag } = splitReference(reference);
  const index = parseIndex(readLayoutFile(directory, 'index.json'));
  const manifestBytes = readManifest(directory, index, tag);
  const manifest = parseManifest(manifestBytes);
  if (!isContainerImage(manifest)) {
    throw layoutError(directory, `holds an artifact (${manifest.config.mediaType}), not a container image`);
  }
  const configBytes = readBlob(directory, manifest.config);
  const diffIds = parseConfig(configBytes).rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw layoutError(directory, `has ${manifest.layers.length} layers and ${diffIds.length} diff ids`);
  }
  const layers = manifest.layers.map((layer, i) => openLayer(directory, layer, diffIds[i] as string));
  return { manifest: manifestBytes, config: configBytes, layers };
}

function openLayer(directory: string, layer: OciDescriptor, diffId: string): LayerSource {
  return {
    diffId: checkSha256(diffId),
    sizeBytes: layer.size,
    async read(repository, builder, { report, signal }) {
      const blobHash = createHash('sha256');
      const diffHash = createHash('sha256');
      const path = blobPath(directory, layer.digest);
      const file = createReadStream(path, { highWaterMark: 256 * 1024, ...(signal === undefined ? {} : { signal }) });
      const blob = observe(file, (chunk) => {
        blobHash.update(chunk);
        report(chunk.length);
      });
      const archive = observe(decompressLayer(layer.mediaType, blob), (chunk) => diffHash.update(chunk));
      await readArchiveLayer(repository, archive, builder);
      compareDigest(`blob ${path}`, layer.digest, blobHash.digest('hex'));
      compareDigest(`the uncompressed content of ${path}`, diffId, diffHash.digest('hex'));
    },
  };
}

async function* observe(chunks: AsyncIterable<Buffer>, see: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    see(chunk);
    yield chunk;
  }
}

function readManifest(directory: string, index: OciIndex, tag: string | undefined): Buffer {
  const tagged = index.manifests.filter(
    (manifest) => tag === undefined || manifest.annotations?.[refNameAnnotation] === tag,
  );
  const fitting = tagged.filter(
    ({ platform }) => platform === undefined || platform.architecture === architectures[process.arch],
  );
  const chosen = fitting[0];
  if (chosen === undefined || fitting.length > 1) {
    const tags = index.manifests.map((manifest) => manifest.annotations?.[refNameAnnotation] ?? '(no tag)');
    const problem = chosen === undefined ? 'has no image' : 'has several images';
    throw layoutError(directory, `${problem} ${tag ?? ''} for this machine; its tags are ${tags.join(', ')}`);
  }
  const bytes = readBlob(directory, chosen);
  return isIndex(chosen) ? readManifest(directory, parseIndex(bytes), undefined) : bytes;
}

function readBlob(directory: string, descriptor: OciDescriptor): Buffer {
  const path = blobPath(directory, descriptor.digest);
  const bytes = readLayoutFile(path, '');
  compareDigest(`blob ${path}`, descriptor.digest, hash('sha256', bytes, 'hex'));
  return bytes;
}

function blobPath(directory: string, digest: string): string {
  return join(directory, 'blobs', checkSha256(digest).replace(':', '/'));
}

function compareDigest(what: string, expected: string, actualHex: string): void {
  if (expected === `sha256:${actualHex}`) return;
  throw new CodedError('OCI_BLOB_MISMATCH', `${what} has the digest sha256:${actualHex}, not ${expected}`, {
    hint: 'the image is damaged; copy it anew',
  });
}

function readLayoutFile(directory: string, name: string): Buffer {
  try {
    return readFileSync(name === '' ? directory : join(directory, name));
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw layoutError(directory, name === '' ? 'is missing' : `has no ${name}`);
  }
}

// A path with a colon in it is taken as a path if it is there.
function splitReference(reference: string): { directory: string; tag: string | undefined } {
  const colon = reference.indexOf(':');
  if (colon === -1 || existsSync(reference)) return { directory: reference, tag: undefined };
  return { directory: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}

function layoutError(path: string, problem: string): CodedError {
  return new CodedError('OCI_LAYOUT', `${path} ${problem}`, {
    hint: 'name a folder that is an OCI image layout, as made by: skopeo copy SOURCE oci:DIR:TAG',
  });
}
