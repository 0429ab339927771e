import { createHash } from 'node:crypto';
import { CodedError } from '@workbench/run';
import { commitLinks, type NewLink } from '../repository/commit.ts';
import { createLayerBuilder, zeroCounters } from '../repository/layer-builder.ts';

import type { Repository } from '../repository/repository.ts';
import { findLayer } from './import-layers.ts';
import { contentTypes, streamName } from './names.ts';
import { readArchiveLayer } from './read-archive-layer.ts';

/**
 * Stores the uncompressed archive of one layer, without an image around it. After it resolves, the layer has its name,
 * and the reference if one is given, on disk.
 *
 * @param diffId `sha256:` digest of the archive.
 * @returns the digest of the layer's stream.
 * @throws CodedError `OCI_BLOB_MISMATCH` if the archive is another one; `TAR_INVALID`.
 */
export async function storeLayer(
  repository: Repository,
  diffId: string,
  archive: AsyncIterable<Buffer>,
  reference?: string,
): Promise<string> {
  const name = streamName('layer', diffId);
  const links: NewLink[] = reference === undefined ? [] : [{ folder: 'streams', reference, entry: name }];
  const existing = await findLayer(repository, diffId);
  if (existing !== undefined) {
    await commitLinks(repository, links);
    return existing;
  }
  const hasher = createHash('sha256');
  const builder = createLayerBuilder(repository, contentTypes.layer, zeroCounters());
  try {
    await readArchiveLayer(repository, hashed(archive, hasher), builder);
    const digest = await builder.finish();
    const actual = `sha256:${hasher.digest('hex')}`;
    if (actual !== diffId) {
      throw new CodedError('OCI_BLOB_MISMATCH', `the layer has the digest ${actual}, not ${diffId}`, {
        hint: 'give the digest of the uncompressed archive (sha256sum)',
      });
    }
    await commitLinks(repository, [{ folder: 'streams', name, digest }, ...links]);
    return digest;
  } catch (error) {
    await builder.settle();
    throw error;
  }
}

async function* hashed(chunks: AsyncIterable<Buffer>, hasher: { update(chunk: Buffer): unknown }) {
  for await (const chunk of chunks) {
    hasher.update(chunk);
    yield chunk;
  }
}
