import type { ImageSource, LayerSource } from '../containers-storage/image-source.ts';
import { commitLinks, type NewLink } from '../repository/commit.ts';
import { createLayerBuilder, type ImportCounters } from '../repository/layer-builder.ts';
import { linkedDigest } from '../repository/links.ts';
import { isUsable } from '../repository/objects.ts';
import type { Repository } from '../repository/repository.ts';
import { openStreamObject } from '../repository/streams.ts';
import type { LayerThreads } from '../threads/layer-threads.ts';
import type { StoredLayer } from './image-tree.ts';
import { contentTypes, streamName } from './names.ts';

/** How far an import is. The totals are known from the beginning. */
export interface ImportProgress {
  phase: 'layers' | 'images';
  /** Of all layers, those counted that were there already. */
  bytesDone: number;
  bytesTotal: number;
  layersDone: number;
  layersTotal: number;
}

/** What the import of layers needs beside them. */
export interface LayersOptions {
  counters: ImportCounters;
  /** Threads that store objects; 0 for none. Default: as many as are of use, if there is much to read. */
  threads?: number;
  onProgress?(progress: ImportProgress): void;
  signal?: AbortSignal;
}

/** Layers that are all stored, in their order. */
export interface ImportedLayers {
  layers: StoredLayer[];
  /** Settles when they have their names, but for `unnamed`; until then other things can be stored. */
  named: Promise<void>;
  /** Names that are still to be made, together with those that come next. */
  unnamed: readonly NewLink[];
}

/** Layers that are less than this in all are stored without threads. */
const threadedBytes = 8 * 1024 * 1024;

/** Naming a layer costs a sync, so as much as this is named at once. Twice as much may be lost when the program is killed. */
const unnamedBytes = 256 * 1024 * 1024;

/** More than this is written to the disk while the images are made; less is not worth a sync of its own. */
const writtenEarlyBytes = 64 * 1024 * 1024;

/**
 * Imports those layers of an image that are not there yet, as many at a time as the source can read.
 *
 * After `named` resolves, all layers but `unnamed` have their names on disk. If it throws, those that were complete have
 * theirs, so that the next import goes on from there; if it is killed, those before the last half gibibyte.
 *
 * @throws what reading a layer throws; the signal's reason.
 */
export async function importLayers(
  repository: Repository,
  image: ImageSource,
  options: LayersOptions,
): Promise<ImportedLayers> {
  const progress = createProgress(image, options);
  const names = createNaming(repository);
  const failure = new AbortController();
  const signal = AbortSignal.any([failure.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  // An image may have the same layer twice.
  const isMissing = ({ diffId }: LayerSource) => findStream(repository, streamName('layer', diffId)) === undefined;
  const threads = await startUsefulThreads(repository, image.layers.filter(isMissing), options);
  const distinct = [...new Map(image.layers.map((layer) => [layer.diffId, layer])).values()];
  const streams = new Map<string, string>();
  const queue = distinct.values();
  const work = async (): Promise<void> => {
    for (const layer of queue) {
      signal.throwIfAborted();
      let stream = await findLayer(repository, layer.diffId, layer.contentType);
      const track = progress.begin(layer);
      if (stream === undefined) {
        const { counters } = options;
        stream = await importLayer(repository, layer, { counters, signal, report: track.report, threads });
        await names.add(streamName('layer', layer.diffId), stream, layer.sizeBytes);
      }
      streams.set(layer.diffId, stream);
      track.end();
    }
  };
  const workers = Array.from({ length: image.parallelLayers ?? 1 }, () =>
    work().catch((error) => {
      failure.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(workers);
  // That the threads end takes a while in which the names can be made.
  const ended = threads?.[Symbol.asyncDispose]();
  if (failure.signal.aborted) {
    // What made the import fail is told, whether or not this works too.
    await Promise.allSettled([names.commit(), ended]);
    throw failure.signal.reason;
  }
  progress.finish();
  const named = Promise.all([ended, names.isMuch() ? names.commit() : names.committed()]).then(() => {});
  // Whoever waits for it hears of it.
  named.catch(() => {});
  const layers = image.layers.map(({ diffId }) => ({ diffId, stream: streams.get(diffId) as string }));
  return { layers, named, unnamed: names.take() };
}

/** Reads a layer into the repository, without naming it. @returns the digest of its stream. @throws what reading it throws. */
export async function importLayer(
  repository: Repository,
  layer: LayerSource,
  options: {
    counters: ImportCounters;
    signal?: AbortSignal | undefined;
    report: (bytes: number) => void;
    threads: LayerThreads | undefined;
  },
): Promise<string> {
  const { counters, signal, report, threads } = options;
  const builder = createLayerBuilder(repository, layer.contentType ?? contentTypes.layer, counters);
  const store = threads?.openLayer();
  try {
    await layer.read(repository, builder, {
      report,
      ...(signal === undefined ? {} : { signal }),
      ...(store === undefined ? {} : { store }),
    });
    return await builder.finish();
  } catch (error) {
    store?.flush();
    await builder.settle();
    throw error;
  }
}

/** Threads to read these layers with, if they are of use: to start one takes as long as to store some megabytes. */
export async function startUsefulThreads(
  repository: Repository,
  layers: readonly LayerSource[],
  options: { threads?: number },
): Promise<LayerThreads | undefined> {
  // What a repair is about, only this thread knows.
  if (options.threads === 0 || repository.suspects.size > 0) return undefined;
  const bytes = layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (options.threads === undefined && bytes < threadedBytes) return undefined;
  const { usefulThreads } = await import('../threads/pool.ts');
  const count = options.threads ?? usefulThreads();
  if (count === 0) return undefined;
  const { startLayerThreads } = await import('../threads/layer-threads.ts');
  return startLayerThreads(repository, count);
}

function createProgress(image: ImageSource, { onProgress }: LayersOptions) {
  const progress: ImportProgress = {
    phase: 'layers',
    bytesDone: 0,
    bytesTotal: image.layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    layersDone: 0,
    layersTotal: image.layers.length,
  };
  const add = (bytes: number): void => {
    progress.bytesDone += bytes;
    onProgress?.({ ...progress });
  };
  return {
    begin({ diffId, sizeBytes }: LayerSource) {
      const copies = image.layers.filter((layer) => layer.diffId === diffId);
      const copiesBytes = copies.reduce((sum, copy) => sum + copy.sizeBytes, 0);
      let done = 0;
      return {
        report(bytes: number) {
          // What a source reports is about right; a total is never exceeded.
          const counted = Math.min(bytes, sizeBytes - done);
          done += counted;
          add(counted);
        },
        end() {
          progress.layersDone += copies.length;
          add(copiesBytes - done);
        },
      };
    },
    finish: () => onProgress?.({ ...progress, phase: 'images' }),
  };
}

// Names what is complete: in the end, and now and then before, so that an import that is stopped does not begin anew. The
// next layers are read meanwhile.
function createNaming(repository: Repository) {
  let unnamed: NewLink[] = [];
  let bytes = 0;
  let committing: Promise<void> = Promise.resolve();
  const take = (): NewLink[] => {
    const links = unnamed;
    unnamed = [];
    bytes = 0;
    return links;
  };
  const commit = (): Promise<void> => {
    const links = take();
    committing = committing.then(() => commitLinks(repository, links));
    // Whoever waits for it hears of it.
    committing.catch(() => {});
    return committing;
  };
  return {
    commit,
    committed: () => committing,
    take,
    isMuch: () => bytes > writtenEarlyBytes,
    async add(name: string, digest: string, sizeBytes: number): Promise<void> {
      unnamed.push({ folder: 'streams', name, digest });
      bytes += sizeBytes;
      if (bytes < unnamedBytes) return;
      await committing;
      commit();
    },
  };
}

/**
 * The digest of the stream that a name in `streams/` leads to. A link whose object is lost counts as none: importing brings it
 * back.
 */
export function findStream(repository: Repository, name: string): string | undefined {
  const digest = linkedDigest(repository, 'streams', name);
  return digest !== undefined && isUsable(repository, digest) ? digest : undefined;
}

/**
 * The digest of the stream of a layer that is there. One that lost any of its content counts as none, too, and so does one that
 * holds something else: what is an archive to one image may be any blob to an artifact.
 */
export async function findLayer(
  repository: Repository,
  diffId: string,
  contentType: string = contentTypes.layer,
): Promise<string | undefined> {
  const digest = findStream(repository, streamName('layer', diffId));
  if (digest === undefined) return undefined;
  const { objectReferences, ...stream } = await openStreamObject(repository, digest);
  if (stream.contentType !== contentType) return undefined;
  return objectReferences.every((object) => isUsable(repository, object)) ? digest : undefined;
}
