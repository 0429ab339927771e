import { createHash, hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CodedError } from '@workbench/run';
import type { Repository } from '../repository/repository.ts';
import { mergeStream, openStreamObject } from '../repository/streams.ts';
import { readImageMetadata } from './image-metadata.ts';
import { layersOf } from './image-tree.ts';
import type { OciDescriptor } from './manifest.ts';
import { contentTypes } from './names.ts';

const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

/**
 * Writes an image of a repository as an OCI image layout (OCI image specification, v1.1) into an empty folder. The
 * configuration is the same bit for bit, so that the image keeps its id; layers are the archives as they were before they
 * were compressed, so that digests and manifest are others. Nothing is synced.
 *
 * @throws CodedError as `readImageMetadata`; `IMAGE_DAMAGED` when a layer is not what its diff id says.
 */
export async function exportLayout(
  repository: Repository,
  manifestDigest: string,
  options: { directory: string; signal?: AbortSignal },
): Promise<void> {
  const { directory, signal } = options;
  const blobs = join(directory, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const metadata = await readImageMetadata(repository, manifestDigest);
  const layers: OciDescriptor[] = [];
  for (const [index, { diffId, stream }] of layersOf(metadata, manifestDigest).entries()) {
    const layer = await openStreamObject(repository, stream, contentTypes.layer);
    const size = await writeLayer(
      Readable.from(mergeStream(repository, layer)),
      join(blobs, hexOf(diffId)),
      diffId,
      signal,
    );
    const annotations = metadata.manifest.layers[index]?.annotations;
    layers.push({
      mediaType: types.layer,
      digest: diffId,
      size,
      ...(annotations === undefined ? {} : { annotations }),
    });
  }
  await writeFile(join(blobs, hexOf(metadata.configDigest)), metadata.configBytes);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: types.manifest,
      config: { mediaType: types.config, digest: metadata.configDigest, size: metadata.configBytes.length },
      layers,
      ...(metadata.manifest.annotations === undefined ? {} : { annotations: metadata.manifest.annotations }),
    }),
  );
  const digest = `sha256:${hash('sha256', manifest, 'hex')}`;
  await writeFile(join(blobs, hexOf(digest)), manifest);
  const descriptor = { mediaType: types.manifest, digest, size: manifest.length };
  await writeFile(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }));
  await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
}

// Returns the number of bytes.
async function writeLayer(
  content: Readable,
  path: string,
  diffId: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const digest = createHash('sha256');
  let size = 0;
  const observe = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      digest.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  await pipeline(content, observe, createWriteStream(path), signal === undefined ? {} : { signal });
  const actual = `sha256:${digest.digest('hex')}`;
  if (actual === diffId) return size;
  throw new CodedError('IMAGE_DAMAGED', `the layer ${diffId} in the repository has the digest ${actual}`, {
    hint: 'import the image anew',
  });
}

function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}
