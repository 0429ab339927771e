import { createSplitStreamWriter } from '../splitstream/writer.ts';
import type { Repository } from './repository.ts';
import { type StoredObject, storeObject } from './store-object.ts';

/** What happened to the content of an import. */
export interface ImportCounters {
  hardlinked: number;
  reflinked: number;
  copied: number;
  /** Objects that were there already. */
  present: number;
  inlinedBytes: number;
  /** Of objects that were not there already: all, and those that took no space or time of their own. */
  storedBytes: number;
  hardlinkedBytes: number;
  reflinkedBytes: number;
  /** Of those that were there already: whose copy in container storage takes no room of its own any more. */
  merged: number;
  mergedBytes: number;
}

/** Counters of an import that begins. */
export function zeroCounters(): ImportCounters {
  return {
    hardlinked: 0,
    reflinked: 0,
    copied: 0,
    present: 0,
    inlinedBytes: 0,
    storedBytes: 0,
    hardlinkedBytes: 0,
    reflinkedBytes: 0,
    merged: 0,
    mergedBytes: 0,
  };
}

/** How the content of an object came to be in the repository. */
export type ObjectOrigin = 'hardlinked' | 'reflinked' | 'copied';

/** An object of a layer, and how it came to be. */
export interface Stored {
  object: StoredObject;
  origin: ObjectOrigin;
  /**
   * Of an object that was there before: whether the copy that was to be stored shares its blocks from now on, or could be made
   * the same file with it.
   */
  copy?: 'merged' | 'linkable';
}

/** Builds the split stream of a layer while its objects are still being stored, several at a time. */
export interface LayerBuilder {
  /** Adds bytes to the stream itself. They may change afterwards. */
  addInline(bytes: Uint8Array): void;
  /**
   * Adds an object. `store` is started once a place is free, of which there are few, so that memory and open files are
   * bounded; what it rejects with fails the layer. Resolves when it has been started.
   */
  addObject(sizeBytes: number, store: () => Promise<Stored>): Promise<void>;
  /** Adds an object that is being stored already. What that rejects with fails the layer. @throws what failed before. */
  addStoring(sizeBytes: number, stored: Promise<Stored>): void;
  /** Waits for all objects and stores the stream. @returns its digest. */
  finish(): Promise<string>;
  /** Waits until nothing is being stored any more, whatever became of it; more may be added afterwards. */
  settle(): Promise<void>;
}

/** Objects that are stored at the same time: more than the CPUs, since sealing waits for the disk. */
export const parallelObjects = 16;

/**
 * A builder for the stream of one layer.
 *
 * @param contentType of the stream, for example `ocilayer`.
 * @param counters are added to.
 */
export function createLayerBuilder(
  repository: Repository,
  contentType: string,
  counters: ImportCounters,
): LayerBuilder {
  const writer = createSplitStreamWriter(repository.algorithm, contentType);
  const slots = createSlots(parallelObjects);
  // The stream is written in its order, however the objects finish.
  let written: Promise<void> = Promise.resolve();
  const storing = new Set<Promise<unknown>>();
  let failure: { error: unknown } | undefined;
  const append = (write: () => Promise<void>): void => {
    written = written
      .then(() => (failure === undefined ? write() : undefined))
      .catch((error) => {
        failure ??= { error };
      });
  };
  const inline = createGatherer();
  const flushInline = (): void => {
    const pieces = inline.take();
    if (pieces.length === 0) return;
    append(async () => {
      for (const piece of pieces) await writer.writeInline(piece);
    });
  };
  const addStoring = (sizeBytes: number, stored: Promise<Stored>): void => {
    flushInline();
    storing.add(stored);
    append(async () => {
      const { object, origin, copy } = await stored;
      count(counters, object.isNew ? origin : 'present', sizeBytes);
      if (copy === 'merged') countMerged(counters, sizeBytes);
      await writer.writeObject(object.digest, sizeBytes);
    });
    // A failure is kept at once; the chain may come to it much later.
    stored
      .catch((error) => {
        failure ??= { error };
      })
      .finally(() => storing.delete(stored));
  };
  return {
    addInline(bytes) {
      inline.add(bytes);
      counters.inlinedBytes += bytes.length;
    },
    async addObject(sizeBytes, store) {
      await slots.take();
      if (failure !== undefined) throw failure.error;
      addStoring(sizeBytes, store().finally(slots.give));
    },
    addStoring(sizeBytes, stored) {
      addStoring(sizeBytes, stored);
      if (failure !== undefined) throw failure.error;
    },
    async finish() {
      flushInline();
      await written;
      if (failure !== undefined) throw failure.error;
      return (await storeObject(repository, await writer.finish())).digest;
    },
    async settle() {
      await Promise.allSettled(storing);
      await written;
    },
  };
}

function count(counters: ImportCounters, origin: ObjectOrigin | 'present', sizeBytes: number): void {
  counters[origin] += 1;
  if (origin === 'present') return;
  counters.storedBytes += sizeBytes;
  if (origin !== 'copied') counters[`${origin}Bytes`] += sizeBytes;
}

/** Counts an object whose copy takes no room of its own any more. */
export function countMerged(counters: ImportCounters, sizeBytes: number): void {
  counters.merged += 1;
  counters.mergedBytes += sizeBytes;
}

const gatherBytes = 64 * 1024;

// Headers are a small part of the memory they come in, all of which would be kept with them while objects are stored.
function createGatherer(): { add(bytes: Uint8Array): void; take(): Uint8Array[] } {
  let memory = Buffer.allocUnsafeSlow(gatherBytes);
  let start = 0;
  let end = 0;
  let pieces: Uint8Array[] = [];
  const cut = (): void => {
    if (end > start) pieces.push(memory.subarray(start, end));
    start = end;
  };
  return {
    add(bytes) {
      for (let at = 0; at < bytes.length; ) {
        if (end === gatherBytes) {
          cut();
          memory = Buffer.allocUnsafeSlow(gatherBytes);
          start = 0;
          end = 0;
        }
        const part = bytes.subarray(at, at + gatherBytes - end);
        memory.set(part, end);
        end += part.length;
        at += part.length;
      }
    },
    take() {
      cut();
      const taken = pieces;
      pieces = [];
      return taken;
    },
  };
}

function createSlots(count: number): { take(): Promise<void>; give(): void } {
  let free = count;
  const waiting: (() => void)[] = [];
  return {
    async take() {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
    },
    give() {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    },
  };
}
