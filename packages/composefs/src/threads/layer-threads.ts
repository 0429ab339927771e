import type { FileRequest, LayerStore, Storing } from '../containers-storage/layer-store.ts';
import type { TransferChoices } from '../containers-storage/transfer.ts';
import type { Stored } from '../repository/layer-builder.ts';
import type { Repository } from '../repository/repository.ts';
import { letHeapGrow } from './heap-growth.ts';
import type { Outcome } from './messages.ts';
import { startThreads, type Thread, type ThreadPool, takeOutcome } from './pool.ts';

/** Stores the objects of layers on threads. */
export interface LayerThreads extends AsyncDisposable {
  /** For one layer, which is read by one caller. */
  openLayer(): LayerStore;
}

const memoryBytes = 1024 * 1024;
/** Together they bound what is between reading and storing: memory, and files that wait. */
const memoryCount = 16;
const filesInTask = 32;
const bytesInTask = 4 * 1024 * 1024;

/** Starts threads for an import. Disposing waits for what was begun. */
export function startLayerThreads(repository: Repository, count: number): LayerThreads {
  const growth = letHeapGrow();
  const pool = startThreads(repository, count);
  const memories = createSupply(memoryCount, () => new Uint8Array(new SharedArrayBuffer(memoryBytes)));
  const tickets = createSupply(count * 3, () => ({}));
  return {
    openLayer() {
      const { storeContent, flushContents } = createContentStore(pool, memories);
      const { storeFile, flushFiles } = createFileStore(pool, tickets);
      return {
        storeContent,
        storeFile,
        flush() {
          flushContents();
          flushFiles();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      growth[Symbol.dispose]();
      await pool[Symbol.asyncDispose]();
    },
  };
}

function createContentStore(pool: ThreadPool, memories: Supply<Uint8Array>) {
  let memory: Uint8Array | undefined;
  let filled = 0;
  let gathered: { sizeBytes: number; settle: Settle }[] = [];
  const flushContents = (): void => {
    if (memory === undefined) return;
    const sent = memory;
    const contents = gathered;
    memory = undefined;
    gathered = [];
    if (contents.length === 0) {
      memories.give(sent);
      return;
    }
    const task = { kind: 'contents', memory: sent, sizes: contents.map(({ sizeBytes }) => sizeBytes) } as const;
    settleAll(
      contents.map(({ settle }) => settle),
      pool
        .leastLoaded()
        .perform(task, filled)
        .finally(() => memories.give(sent)),
    );
  };
  return {
    async storeContent(sizeBytes: number, chunks: AsyncIterable<Uint8Array>): Promise<Storing> {
      if (sizeBytes > memoryBytes) return storeInParts(pool.leastLoaded(), memories, { sizeBytes, chunks });
      if (memory !== undefined && filled + sizeBytes > memoryBytes) flushContents();
      if (memory === undefined) {
        memory = await memories.take();
        filled = 0;
      }
      let at = filled;
      for await (const chunk of chunks) {
        memory.set(chunk, at);
        at += chunk.length;
      }
      filled = at;
      const { storing, settle } = createStoring();
      gathered.push({ sizeBytes, settle });
      return storing;
    },
    flushContents,
  };
}

let contentCount = 0;

async function storeInParts(
  thread: Thread,
  memories: Supply<Uint8Array>,
  content: { sizeBytes: number; chunks: AsyncIterable<Uint8Array> },
): Promise<Storing> {
  const { sizeBytes, chunks } = content;
  const id = contentCount++;
  const { storing, settle } = createStoring();
  let memory: Uint8Array | undefined;
  let filled = 0;
  let left = sizeBytes;
  const send = (end: 'no' | 'whole' | 'abandoned'): Promise<Outcome[]> => {
    const sent = memory;
    memory = undefined;
    const part = sent?.subarray(0, filled) ?? new Uint8Array();
    const task = { kind: 'part', content: id, part, sizeBytes, end } as const;
    return thread.perform(task, filled).finally(() => {
      if (sent !== undefined) memories.give(sent);
    });
  };
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        if (memory === undefined) {
          memory = await memories.take();
          filled = 0;
        }
        const piece = chunk.subarray(at, at + memoryBytes - filled);
        memory.set(piece, filled);
        filled += piece.length;
        at += piece.length;
        left -= piece.length;
        // What goes wrong with a part is told at the end.
        if (filled === memoryBytes && left > 0) send('no').catch(() => {});
      }
    }
  } catch (error) {
    await send('abandoned').catch(() => {});
    throw error;
  }
  settleAll([settle], send('whole'));
  return storing;
}

function createFileStore(pool: ThreadPool, tickets: Supply<object>) {
  let files: FileRequest[] = [];
  let settles: Settle[] = [];
  let ticket: object | undefined;
  let bytes = 0;
  let known: TransferChoices = { methods: new Map(), mergesCopies: false };
  const flushFiles = (): void => {
    if (files.length === 0) return;
    const task = { kind: 'files', files, choices: known } as const;
    const used = ticket as object;
    settleAll(
      settles,
      pool
        .leastLoaded()
        .perform(task, bytes)
        .finally(() => tickets.give(used)),
    );
    ticket = undefined;
    files = [];
    settles = [];
    bytes = 0;
  };
  return {
    async storeFile(file: FileRequest, choices: TransferChoices): Promise<Storing> {
      ticket ??= await tickets.take();
      known = choices;
      const { storing, settle } = createStoring();
      files.push(file);
      settles.push(settle);
      bytes += file.sizeBytes;
      if (files.length >= filesInTask || bytes >= bytesInTask) flushFiles();
      return storing;
    },
    flushFiles,
  };
}

type Settle = (outcome: Outcome | { error: unknown }) => void;

function createStoring(): { storing: Storing; settle: Settle } {
  const { promise, resolve, reject } = Promise.withResolvers<Stored>();
  // Whoever waits for it hears of it; nobody may.
  promise.catch(() => {});
  return {
    storing: { result: promise },
    settle(outcome) {
      if ('error' in outcome) {
        reject(outcome.error);
        return;
      }
      try {
        resolve(takeOutcome(outcome));
      } catch (error) {
        reject(error);
      }
    },
  };
}

function settleAll(settles: readonly Settle[], outcomes: Promise<Outcome[]>): void {
  outcomes.then(
    (all) => {
      for (const [i, settle] of settles.entries()) settle(all[i] as Outcome);
    },
    (error) => {
      for (const settle of settles) settle({ error });
    },
  );
}

interface Supply<Item> {
  take(): Promise<Item>;
  give(item: Item): void;
}

// Made when first needed, so that a small import does not pay for what a large one takes.
function createSupply<Item>(limit: number, make: () => Item): Supply<Item> {
  const free: Item[] = [];
  const waiting: ((item: Item) => void)[] = [];
  let made = 0;
  return {
    async take() {
      const item = free.pop();
      if (item !== undefined) return item;
      if (made < limit) {
        made += 1;
        return make();
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    give(item) {
      const next = waiting.shift();
      if (next === undefined) free.push(item);
      else next(item);
    },
  };
}
