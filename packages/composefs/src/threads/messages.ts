import type { FileRequest } from '../containers-storage/layer-store.ts';
import type { TransferChoices } from '../containers-storage/transfer.ts';
import type { Mutation } from '../durable/seam.ts';
import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import type { ObjectProblem } from '../repository/examine-object.ts';
import type { Stored } from '../repository/layer-builder.ts';
import type { ObjectFile } from '../repository/object-files.ts';
import type { Repository } from '../repository/repository.ts';

/** What a thread knows from the beginning. */
export interface ThreadSetup {
  repository: Pick<Repository, 'path' | 'isSecure' | 'directoryFd' | 'sealing'> & { algorithm: HashAlgorithm };
  /** Set if every mutation is announced to the main thread, which answers by this number: see {@link verdicts}. */
  verdict: Int32Array | undefined;
}

/** What the main thread says to a mutation. */
export const verdicts = { undecided: 0, go: 1, stop: 2 } as const;

/** Work for a thread. `id` comes back in the answer. */
export type Task =
  /** Whole contents, one after the other in memory. */
  | { kind: 'contents'; id: number; memory: Uint8Array; sizes: number[] }
  /** The next part of a content that does not fit into memory at once; all parts of it go to one thread. */
  | {
      kind: 'part';
      id: number;
      content: number;
      part: Uint8Array;
      sizeBytes: number;
      end: 'no' | 'whole' | 'abandoned';
    }
  | {
      kind: 'files';
      id: number;
      files: FileRequest[];
      choices: TransferChoices;
    }
  /** Objects that are there already. */
  | { kind: 'examine'; id: number; objects: readonly ObjectFile[] }
  /** Files anywhere, by path; those to store still have to have these sizes. */
  | ({ kind: 'digest'; id: number } & FileList)
  | ({ kind: 'store'; id: number } & FileList);

/** Files by path, and how large they were. */
export interface FileList {
  paths: readonly Uint8Array[];
  sizes: readonly number[];
}

/** What became of one content or file. Errors keep their code; a stop is what the main thread decided. */
export type Outcome = Stored | Examined | Digested | { failure: Failure };

/** The digest of a file's content. */
export interface Digested {
  digest: string;
}

/** What is wrong with an object, if anything. */
export interface Examined {
  problem: ObjectProblem | undefined;
}

export interface Failure {
  message: string;
  code: string | undefined;
  hint: string | undefined;
  isCoded: boolean;
  isStop: boolean;
}

export type Answer = { kind: 'done'; id: number; outcomes: Outcome[] } | { kind: 'mutation'; mutation: Mutation };
