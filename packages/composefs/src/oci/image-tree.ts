import { CodedError } from '@workbench/run';
import { readObject } from '../repository/objects.ts';
import type { Repository } from '../repository/repository.ts';
import { openStreamObject } from '../repository/streams.ts';
import { applyLayer } from '../tar/read-layer.ts';
import { type Directory, emptyDirectory, type Leaf } from '../tree/tree.ts';
import { type ImageDocuments, readImageMetadata } from './image-metadata.ts';
import { isContainerImage, parseConfig } from './manifest.ts';
import { contentTypes } from './names.ts';

/** A layer of an image, and the digest of its stream. */
export interface StoredLayer {
  diffId: string;
  stream: string;
}

/**
 * The tree of an image as its layers make it, nothing changed or left out. Only the layers' streams are read, no
 * object.
 *
 * @throws CodedError `TAR_INVALID` if a layer does not fit on the ones before it; or as {@link readImageMetadata}.
 */
export async function buildImageTree(repository: Repository, manifestDigest: string): Promise<Directory> {
  return buildLayerTree(repository, layersOf(await readImageMetadata(repository, manifestDigest), manifestDigest));
}

/**
 * The layers of an image, the lowest first, or of an artifact.
 *
 * @throws CodedError `IMAGE_DAMAGED` if nothing leads to one of them; `OCI_INVALID`.
 */
export function layersOf(documents: ImageDocuments, manifestDigest: string): StoredLayer[] {
  const { manifest, configBytes } = documents;
  const [ids, references] = isContainerImage(manifest)
    ? [parseConfig(configBytes).rootfs.diff_ids, documents.configReferences]
    : [manifest.layers.map(({ digest }) => digest), documents.manifestReferences];
  return ids.map((diffId) => {
    const stream = references.get(diffId);
    if (stream !== undefined) return { diffId, stream };
    throw new CodedError('IMAGE_DAMAGED', `nothing of ${manifestDigest} leads to its layer ${diffId}`, {
      hint: 'import the image anew',
    });
  });
}

/** The tree that layers make, the lowest first. */
export async function buildLayerTree(repository: Repository, layers: readonly StoredLayer[]): Promise<Directory> {
  const root = emptyDirectory();
  for (const { diffId, stream } of layers) {
    const layer = await openStreamObject(repository, stream, contentTypes.layer);
    try {
      await applyLayer(root, layer);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      const { code, message, hint } = error;
      throw new CodedError(code, `layer ${diffId}: ${message}`, {
        ...(hint === undefined ? {} : { hint }),
        cause: error,
      });
    }
  }
  return root;
}

/**
 * The content of a regular file of a tree, wherever it is kept.
 *
 * @throws CodedError `NOT_A_FILE` for another node, or a file that has no content (sparse); `OBJECT_MISSING`.
 */
export async function readFileNode(repository: Repository, leaf: Leaf): Promise<Buffer> {
  if (leaf.type === 'file') {
    const { content } = leaf;
    if (content.kind === 'inline') return Buffer.from(content.data);
    if (content.kind !== 'sparse') return readObject(repository, content.digest);
  }
  throw new CodedError('NOT_A_FILE', `a ${leaf.type === 'file' ? 'sparse file' : leaf.type} has no content to read`, {
    hint: 'it has to be a regular file',
  });
}
