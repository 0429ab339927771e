import type { NewLink } from '../repository/commit.ts';
import type { Repository } from '../repository/repository.ts';
import { storeObject } from '../repository/store-object.ts';
import { createSplitStreamWriter } from '../splitstream/writer.ts';
import type { StoredLayer } from './image-tree.ts';
import { contentTypes, streamName } from './names.ts';

/**
 * Stores a JSON document as a stream: the document is one object, beside named references in their order. It has no
 * name yet.
 *
 * @returns the digest of the stream.
 */
export async function storeJsonStream(
  repository: Repository,
  kind: 'manifest' | 'config',
  json: Uint8Array,
  references: Iterable<readonly [name: string, digest: string]>,
): Promise<string> {
  const writer = createSplitStreamWriter(repository.algorithm, contentTypes[kind]);
  for (const [name, digest] of references) writer.addNamedReference(name, digest);
  await writer.writeObject((await storeObject(repository, json)).digest, json.length);
  return (await storeObject(repository, await writer.finish())).digest;
}

/** The documents of an image whose layers are stored. */
export interface StoredImage {
  manifest: Uint8Array;
  config: Uint8Array;
  /** `sha256:` digests of both. */
  manifestDigest: string;
  configDigest: string;
  layers: readonly StoredLayer[];
  /** Named references to its images, in their order. */
  images: readonly (readonly [name: string, digest: string])[];
}

/**
 * Stores the streams of manifest and configuration. They have no names yet.
 *
 * @returns their digests, and the links that name them: the manifest's, which makes the image one, is last.
 */
export async function storeImageStreams(
  repository: Repository,
  image: StoredImage,
): Promise<{ configStream: string; manifestStream: string; links: NewLink[] }> {
  const { manifestDigest, configDigest } = image;
  const layers = new Map(image.layers.map(({ diffId, stream }) => [diffId, stream]));
  const configStream = await storeJsonStream(repository, 'config', image.config, [...layers, ...image.images]);
  const manifestStream = await storeJsonStream(repository, 'manifest', image.manifest, [
    [`config:${configDigest}`, configStream],
    ...layers,
  ]);
  const links: NewLink[] = [
    { folder: 'streams', name: streamName('config', configDigest), digest: configStream },
    { folder: 'streams', name: streamName('manifest', manifestDigest), digest: manifestStream },
  ];
  return { configStream, manifestStream, links };
}
