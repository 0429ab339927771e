import { watch } from 'node:fs/promises';
import { join } from 'node:path';

/** Edits come in bursts: an editor writes, renames and touches. */
const quietMs = 150;

/** What a guest program is made of, relative to the repository. */
const watchedFolders = ['packages/bootc', 'packages/composefs', 'packages/run'];

/** The last file of a burst of edits, and the time of the first: milliseconds as of `performance.now()`. */
export interface Edits {
  readonly file: string;
  readonly at: number;
}

/**
 * Yields once for each burst of edits of the guest program's sources, until the signal is aborted. It looks from the call on,
 * and what happens while the consumer is busy counts as one burst.
 *
 * @throws what fs.watch throws, when a folder cannot be watched.
 */
export function followEdits(
  repository: string,
  signal: AbortSignal,
  folders: readonly string[] = watchedFolders,
): AsyncGenerator<Edits> {
  const pending: Pending = { edits: undefined, wake: Promise.withResolvers<void>() };
  const watching = folders.map(async (folder) => {
    try {
      for await (const { filename } of watch(join(repository, folder), { recursive: true, signal })) {
        if (filename === null || isNoSource(filename)) continue;
        pending.edits = { file: join(folder, filename), at: pending.edits?.at ?? performance.now() };
        pending.wake.resolve();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  });
  const over = Promise.all(watching).then(() => {});
  // Told to the consumer when it asks next; until then it is no unhandled rejection.
  over.catch(() => {});
  return burstsOf(pending, over, signal);
}

/** What changed since the last burst was told. */
interface Pending {
  edits: Edits | undefined;
  wake: PromiseWithResolvers<void>;
}

async function* burstsOf(pending: Pending, over: Promise<void>, signal: AbortSignal): AsyncGenerator<Edits> {
  while (!signal.aborted) {
    await Promise.race([pending.wake.promise, over]);
    if (signal.aborted) return;
    for (let before: Edits | undefined; before !== pending.edits; ) {
      before = pending.edits;
      await new Promise((resolve) => setTimeout(resolve, quietMs));
    }
    const { edits } = pending;
    pending.edits = undefined;
    pending.wake = Promise.withResolvers();
    if (edits !== undefined) yield edits;
  }
}

function isNoSource(filename: string): boolean {
  return /(?:^|\/)node_modules\/|\.(?:test|interop\.test|testing)\.ts$|~$|\.sw.$|(?:^|\/)\.|\.new$/.test(filename);
}
