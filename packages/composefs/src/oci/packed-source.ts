import { createHash } from 'node:crypto';
import { CodedError } from '@workbench/run';
import type { ImageSource, LayerSource } from '../containers-storage/image-source.ts';
import { storeObjectFromChunks } from '../repository/store-object.ts';
import { compareDigest } from './compare-digest.ts';
import { openArchive } from './decompress.ts';
import { isContainerImage, type OciDescriptor, parseConfig, parseManifest } from './manifest.ts';
import { blobContentType, checkSha256 } from './names.ts';
import { readArchiveLayer } from './read-archive-layer.ts';

/** An image whose layers are archives, perhaps compressed, wherever they are; or an artifact, whose layers may be anything. */
export interface PackedImage {
  manifest: Buffer;
  config: Buffer;
  /** The blob of a layer, as it is stored; memory of a chunk may be used again once the next is asked for. */
  open(layer: OciDescriptor, signal: AbortSignal | undefined): AsyncIterable<Buffer>;
}

/**
 * A source for the import of an image of packed layers. While a layer is read, its blob is compared with the digest that
 * the manifest has, and its archive with the diff id that the configuration has. The configuration of an artifact says nothing
 * of its layers, so that these are known by the digests of their blobs.
 *
 * @param name what to call the image in errors.
 * @throws CodedError `OCI_LAYOUT` if its configuration does not fit to it; `OCI_INVALID`.
 */
export function makePackedSource(name: string, image: PackedImage): ImageSource {
  const manifest = parseManifest(image.manifest);
  const { config } = image;
  if (!isContainerImage(manifest)) {
    const layers = manifest.layers.map((layer) =>
      archiveTypes.test(layer.mediaType) ? makeLayer(name, image, { layer }) : makeBlob(name, image, layer),
    );
    return { manifest: image.manifest, config, layers };
  }
  const diffIds = parseConfig(image.config).rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw unusable(name, `has ${manifest.layers.length} layers and ${diffIds.length} diff ids`);
  }
  const layers = manifest.layers.map((layer, i) => makeLayer(name, image, { layer, diffId: diffIds[i] as string }));
  return { manifest: image.manifest, config, layers };
}

// Of the layers of an artifact, only these are archives to cfsctl.
const archiveTypes = /^application\/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+gzip|\+zstd)?$/;

/** A layer that is an archive, with the digest of that if it is known. */
function makeLayer(name: string, image: PackedImage, packed: { layer: OciDescriptor; diffId?: string }): LayerSource {
  const { layer, diffId } = packed;
  checkSha256(layer.digest);
  return {
    diffId: checkSha256(diffId ?? layer.digest),
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
      if (diffId === undefined) return;
      // What is not compressed has been hashed already.
      const diffDigest = isCompressed ? diffHash.digest('hex') : blobDigest;
      compareDigest(`the uncompressed layer ${layer.digest} of ${name}`, diffId, diffDigest);
    },
  };
}

/** A layer that is one object, whatever it holds. */
function makeBlob(name: string, image: PackedImage, layer: OciDescriptor): LayerSource {
  return {
    diffId: checkSha256(layer.digest),
    contentType: blobContentType,
    sizeBytes: layer.size,
    async read(repository, builder, { report, signal }) {
      const hash = createHash('sha256');
      const blob = observe(image.open(layer, signal), (chunk) => {
        signal?.throwIfAborted();
        hash.update(chunk);
        report(chunk.length);
      });
      const object = await storeObjectFromChunks(repository, layer.size, blob);
      compareDigest(`layer ${layer.digest} of ${name}`, layer.digest, hash.digest('hex'));
      await builder.addObject(layer.size, async () => ({ object, origin: 'copied' }));
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
