import { close, closeSync, fstatSync } from 'node:fs';
import { promisify } from 'node:util';
import { CodedError } from '@workbench/run';
import type { ImageSource, LayerSource } from '../containers-storage/image-source.ts';
import { createTransfer, type Transfer } from '../containers-storage/transfer.ts';
import type { LayerBuilder } from '../repository/layer-builder.ts';
import { openObject } from '../repository/objects.ts';
import type { Repository } from '../repository/repository.ts';
import { openStreamObject } from '../repository/streams.ts';
import { readImageDocuments } from './image-metadata.ts';
import { layersOf } from './image-tree.ts';
import { contentTypes } from './names.ts';

const closeFile = promisify(close);

/**
 * Opens an image or artifact of a repository as a source for importing it into another one, whatever the algorithm of either.
 * Content is shared or linked where the file system can.
 *
 * @param options.zeroCopy refuses to copy content.
 * @throws CodedError as `readImageDocuments`, `layersOf`; `COPY_NOT_SHARED` while reading a layer if content would have to be copied.
 */
export async function openRepositoryImage(
  source: Repository,
  manifestDigest: string,
  options: { zeroCopy?: boolean } = {},
): Promise<ImageSource> {
  const documents = await readImageDocuments(source, manifestDigest);
  let transfer: Transfer | undefined;
  const layers = layersOf(documents, manifestDigest).map(async ({ diffId, stream }): Promise<LayerSource> => {
    const layer = await openStreamObject(source, stream);
    return {
      diffId,
      ...(layer.contentType === contentTypes.layer ? {} : { contentType: layer.contentType }),
      sizeBytes: Number(layer.totalBytes),
      async read(repository, builder, { report, signal }) {
        transfer ??= createTransfer(repository);
        for await (const chunk of layer.chunks()) {
          signal?.throwIfAborted();
          if (chunk.kind === 'inline') {
            builder.addInline(Buffer.from(chunk.bytes));
            report(chunk.bytes.length);
          } else {
            report(
              await transferObject({ source, digest: chunk.digest, transfer, builder, zeroCopy: options.zeroCopy }),
            );
          }
        }
      },
    };
  });
  return { manifest: documents.manifestBytes, config: documents.configBytes, layers: await Promise.all(layers) };
}

async function transferObject(object: {
  source: Repository;
  digest: string;
  transfer: Transfer;
  builder: LayerBuilder;
  zeroCopy: boolean | undefined;
}): Promise<number> {
  const { source, digest, transfer, builder } = object;
  const fd = openObject(source, digest);
  const stats = fstatSync(fd);
  const { size } = stats;
  let isStarted = false;
  try {
    await builder.addObject(size, async () => {
      isStarted = true;
      try {
        const stored = await transfer.store({ fd, stats });
        if (object.zeroCopy === true && stored.origin === 'copied' && stored.object.isNew) throw notShared(digest);
        return stored;
      } finally {
        await closeFile(fd);
      }
    });
  } finally {
    if (!isStarted) closeSync(fd);
  }
  return size;
}

function notShared(digest: string): CodedError {
  return new CodedError('COPY_NOT_SHARED', `object ${digest} can neither be shared nor linked, only copied`, {
    hint: 'both repositories have to be on one file system and one mount; or copy: leave --zerocopy out',
  });
}
