import type { LayerStore } from '../containers-storage/layer-store.ts';
import type { LayerBuilder } from '../repository/layer-builder.ts';
import type { Repository } from '../repository/repository.ts';
import { storeObject, storeObjectFromChunks } from '../repository/store-object.ts';
import { splitTar } from '../tar/split-tar.ts';

/** Files up to this size are taken into memory, so that several can be stored at the same time. */
const heldBytes = 1024 * 1024;

/**
 * Splits the archive of a layer into a builder.
 *
 * @param store where objects go; without it, they are stored here.
 * @throws CodedError `TAR_INVALID`; whatever the archive throws.
 */
export async function readArchiveLayer(
  repository: Repository,
  archive: AsyncIterable<Buffer>,
  builder: LayerBuilder,
  store?: LayerStore,
): Promise<void> {
  await splitTar(archive, {
    writeInline: (bytes) => builder.addInline(bytes),
    async writeObject(sizeBytes, chunks) {
      if (store !== undefined) {
        const { result } = await store.storeContent(sizeBytes, chunks);
        builder.addStoring(sizeBytes, result);
        return;
      }
      if (sizeBytes <= heldBytes) {
        const content = await collect(chunks, sizeBytes);
        await builder.addObject(sizeBytes, async () => copied(await storeObject(repository, content)));
        return;
      }
      let stored: Promise<unknown> = Promise.resolve();
      await builder.addObject(sizeBytes, () => {
        const storing = storeObjectFromChunks(repository, sizeBytes, chunks).then(copied);
        stored = storing;
        return storing;
      });
      // The chunks are the archive's own: nothing after them can be read before they are.
      await stored;
    },
  });
  store?.flush();
}

function copied<Stored>(object: Stored): { object: Stored; origin: 'copied' } {
  return { object, origin: 'copied' };
}

async function collect(chunks: AsyncIterable<Buffer>, sizeBytes: number): Promise<Buffer> {
  const content = Buffer.allocUnsafeSlow(sizeBytes);
  let filled = 0;
  for await (const chunk of chunks) filled += chunk.copy(content, filled);
  return content;
}
