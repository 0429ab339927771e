import { createHash } from 'node:crypto';
import { CodedError } from '@workbench/run';
import type { ImageSource, LayerSource } from '../containers-storage/image-source.ts';
import { compareDigest } from './compare-digest.ts';
import { openArchive } from './decompress.ts';
import { isContainerImage, type OciDescriptor, parseConfig, parseManifest } from './manifest.ts';
import { checkSha256 } from './names.ts';
import { readArchiveLayer } from './read-archive-layer.ts';

/** An image whose layers are archives, perhaps compressed, wherever they are. */
export interface PackedImage {
  manifest: Buffer;
  config: Buffer;
  /** The blob of a layer, as it is stored; memory of a chunk may be used again once the next is asked for. */
  open(layer: OciDescriptor, signal: AbortSignal | undefined): AsyncIterable<Buffer>;
}

/**
 * A source for the import of an image of packed layers. While a layer is read, its blob is compared with the digest that
 * the manifest has, and its archive with the diff id that the configuration has.
 *
 * @param name what to call the image in errors.
 * @throws CodedError `OCI_LAYOUT` if it is no container image, or its configuration does not fit to it; `OCI_INVALID`.
 */
export function makePackedSource(name: string, image: PackedImage): ImageSource {
  const manifest = parseManifest(image.manifest);
  if (!isContainerImage(manifest)) {
    throw unusable(name, `holds an artifact (${manifest.config.mediaType}), not a container image`);
  }
  const diffIds = parseConfig(image.config).rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw unusable(name, `has ${manifest.layers.length} layers and ${diffIds.length} diff ids`);
  }
  const layers = manifest.layers.map((layer, i) => makeLayer(name, image, { layer, diffId: diffIds[i] as string }));
  return { manifest: image.manifest, config: image.config, layers };
}

function makeLayer(name: string, image: PackedImage, packed: { layer: OciDescriptor; diffId: string }): LayerSource {
  const { layer, diffId } = packed;
  checkSha256(layer.digest);
  return {
    diffId: checkSha256(diffId),
    sizeBytes: layer.size,
    async read(repository, builder, { report, signal, store }) {
      const blobHash = createHash('sha256');
      const diffHash = createHash('sha256');
      const blob = observe(image.open(layer, signal), (chunk) => {
        signal?.throwIfAborted();
        blobHash.update(chunk);
        report(chunk.length);
      });
      const { isCompressed, chunks } = await openArchive(layer.mediaType, blob);
      const archive = isCompressed ? observe(chunks, (chunk) => diffHash.update(chunk)) : chunks;
      await readArchiveLayer(repository, archive, builder, store);
      const blobDigest = blobHash.digest('hex');
      compareDigest(`layer ${layer.digest} of ${name}`, layer.digest, blobDigest);
      // What is not compressed has been hashed already.
      const diffDigest = isCompressed ? diffHash.digest('hex') : blobDigest;
      compareDigest(`the uncompressed layer ${layer.digest} of ${name}`, diffId, diffDigest);
    },
  };
}

async function* observe(chunks: AsyncIterable<Buffer>, see: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    see(chunk);
    yield chunk;
  }
}

function unusable(name: string, problem: string): CodedError {
  return new CodedError('OCI_LAYOUT', `${name} ${problem}`, {
    hint: 'name a container image, as podman build makes it',
  });
}
