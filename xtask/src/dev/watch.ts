import { watch } from 'node:fs/promises';
import { join } from 'node:path';

/** Edits come in bursts: an editor writes, renames and touches. */
const quietMs = 150;

/** What a guest program is made of, relative to the repository. */
const watchedFolders = ['packages/bootc', 'packages/composefs', 'packages/run'];

/**
 * Yields once for each burst of edits of the guest program's sources, until the signal is aborted. What happens while the
 * consumer is busy counts as one burst.
 */
export async function* followEdits(
  repository: string,
  signal: AbortSignal,
  folders: readonly string[] = watchedFolders,
): AsyncGenerator<string> {
  let changed: string | undefined;
  let wake = Promise.withResolvers<void>();
  const watching = folders.map(async (folder) => {
    try {
      for await (const { filename } of watch(join(repository, folder), { recursive: true, signal })) {
        if (filename === null || isNoSource(filename)) continue;
        changed = join(folder, filename);
        wake.resolve();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  });
  const failed = Promise.all(watching).then(() => new Promise<never>(() => {}));
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  while (!signal.aborted) {
    await Promise.race([wake.promise, aborted, failed]);
    if (signal.aborted) return;
    // The burst ends when nothing changed for a moment.
    while (changed !== undefined) {
      const last = changed;
      changed = undefined;
      await new Promise((resolve) => setTimeout(resolve, quietMs));
      if (changed === undefined) {
        wake = Promise.withResolvers();
        yield last;
      }
    }
  }
}

function isNoSource(filename: string): boolean {
  return /(?:^|\/)node_modules\/|\.(?:test|interop\.test|testing)\.ts$|~$|\.sw.$|(?:^|\/)\.|\.new$/.test(filename);
}
