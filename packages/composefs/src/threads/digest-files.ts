import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import { computeFileVerity } from '../fsverity/digest.ts';
import type { Repository } from '../repository/repository.ts';
import { storeFile } from '../repository/store-file.ts';
import type { ThreadSetup } from './messages.ts';
import { startThreads, type ThreadPool, takeDigest, usefulThreads } from './pool.ts';

/** Computes the fs-verity digests of many files; disposing ends its threads. */
export interface FileDigester extends AsyncDisposable {
  /** @throws a system error. */
  digestFile(path: Buffer, sizeBytes: number): Promise<string>;
}

/** Up to this much in all is done before threads would have started. */
const fewBytes = 16 * 1024 * 1024;
const filesInTask = 64;
const bytesInTask = 4 * 1024 * 1024;

interface WaitingFile {
  path: Uint8Array;
  sizeBytes: number;
  resolve(digest: string): void;
  reject(error: unknown): void;
}

/** A digester that starts threads once there is enough to do. Ask for several files without waiting for each. */
export function createFileDigester(algorithm: HashAlgorithm): FileDigester {
  return spreadFiles({
    kind: 'digest',
    repository: { path: '', algorithm, isSecure: false, directoryFd: -1, sealing: 'unsupported' },
    here: async (path) => computeFileVerity(path, algorithm),
  });
}

/**
 * As {@link createFileDigester}, and stores the files in a repository too, as `storeFile`.
 *
 * @throws while a file is digested, what `storeFile` throws.
 */
export function createFileStorer(repository: Repository): FileDigester {
  return spreadFiles({ kind: 'store', repository, here: (path, sizeBytes) => storeFile(repository, path, sizeBytes) });
}

function spreadFiles(work: {
  kind: 'digest' | 'store';
  repository: ThreadSetup['repository'];
  here: (path: Buffer, sizeBytes: number) => Promise<string>;
}): FileDigester {
  const { kind, repository, here } = work;
  const count = usefulThreads();
  let threads: ThreadPool | undefined;
  let doneBytes = 0;
  let waiting: WaitingFile[] = [];
  let waitingBytes = 0;
  const flush = (): void => {
    const files = waiting;
    const bytes = waitingBytes;
    waiting = [];
    waitingBytes = 0;
    if (files.length === 0) return;
    threads ??= startThreads(repository, count);
    const task = {
      kind,
      paths: files.map(({ path }) => path),
      sizes: files.map(({ sizeBytes }) => sizeBytes),
    } as const;
    threads
      .leastLoaded()
      .perform(task, bytes)
      .then(
        (outcomes) => {
          for (const [i, { resolve, reject }] of files.entries()) {
            try {
              resolve(takeDigest(outcomes[i] as (typeof outcomes)[number]));
            } catch (error) {
              reject(error);
            }
          }
        },
        (error) => {
          for (const { reject } of files) reject(error);
        },
      );
  };
  return {
    async digestFile(path, sizeBytes) {
      doneBytes += sizeBytes;
      if (count === 0 || doneBytes < fewBytes) return here(path, sizeBytes);
      return new Promise((resolve, reject) => {
        if (waiting.length === 0) setImmediate(flush);
        waiting.push({ path, sizeBytes, resolve, reject });
        waitingBytes += sizeBytes;
        if (waiting.length >= filesInTask || waitingBytes >= bytesInTask) flush();
      });
    },
    [Symbol.asyncDispose]: async () => threads?.[Symbol.asyncDispose](),
  };
}
