import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { CodedError } from '@workbench/run';
import { announceMutation, isObserved } from '../durable/seam.ts';
import type { ObjectProblem } from '../repository/examine-object.ts';
import type { Stored } from '../repository/layer-builder.ts';
import { type Answer, type Failure, type Outcome, type Task, type ThreadSetup, verdicts } from './messages.ts';

/** Threads that store objects. Nothing is held back: what a thread is given it does in that order. */
export interface ThreadPool extends AsyncDisposable {
  /** The thread with the least to do. */
  leastLoaded(): Thread;
}

/** One of them. */
export interface Thread {
  /** Bytes that it was given and has not done. */
  readonly pendingBytes: number;
  /** Gives it a task. @throws what became of the thread, should it end; failures of the task are in the outcomes. */
  perform(task: TaskWithoutId, bytes: number): Promise<Outcome[]>;
}

type WithoutId<Some> = Some extends unknown ? Omit<Some, 'id'> : never;
export type TaskWithoutId = WithoutId<Task>;

/** As many threads as are of use on this machine: one does not help where there is one processor. */
export function usefulThreads(): number {
  const processors = availableParallelism();
  return processors === 1 ? 0 : Math.min(processors, 4);
}

/**
 * Starts threads that store objects in a repository, all with the crash contract of `storeObject`. What observes mutations
 * here is asked about theirs too, before they happen. Disposing waits for what was begun.
 */
export function startThreads(repository: ThreadSetup['repository'], count: number): ThreadPool {
  const threads = Array.from({ length: count }, () => startThread(repository));
  return {
    leastLoaded: () => threads.reduce((best, thread) => (thread.pendingBytes < best.pendingBytes ? thread : best)),
    async [Symbol.asyncDispose]() {
      await Promise.all(threads.map((thread) => thread.end()));
    },
  };
}

/** What the outcome of storing is worth. @throws what the thread threw, or who observes mutations here. */
export function takeOutcome(outcome: Outcome): Stored {
  if ('object' in outcome) return outcome;
  throw unfit(outcome);
}

/** What the outcome of examining is worth. @throws what the thread threw. */
export function takeProblem(outcome: Outcome): ObjectProblem | undefined {
  if ('problem' in outcome) return outcome.problem;
  throw unfit(outcome);
}

/** What the outcome of computing a digest is worth. @throws what the thread threw. */
export function takeDigest(outcome: Outcome): string {
  if ('digest' in outcome) return outcome.digest;
  throw unfit(outcome);
}

function unfit(outcome: Outcome): unknown {
  return 'failure' in outcome ? rebuildError(outcome.failure) : new TypeError('a thread answered something else');
}

// Of a mutation that was stopped, the main thread has the reason itself.
let stopReason: unknown;

function rebuildError({ message, code, hint, isCoded, isStop }: Failure): unknown {
  if (isStop) return stopReason;
  if (isCoded) return new CodedError(code ?? 'UNKNOWN', message, hint === undefined ? {} : { hint });
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

function startThread(repository: ThreadSetup['repository']): Thread & { end(): Promise<void> } {
  const { path, algorithm, isSecure, directoryFd, sealing } = repository;
  const verdict = isObserved() ? new Int32Array(new SharedArrayBuffer(4)) : undefined;
  const setup: ThreadSetup = { repository: { path, algorithm, isSecure, directoryFd, sealing }, verdict };
  const worker = new Worker(findProgram(), { workerData: setup });
  const waiting = new Map<
    number,
    { resolve(outcomes: Outcome[]): void; reject(error: unknown): void; bytes: number }
  >();
  let count = 0;
  let pendingBytes = 0;
  let ending: unknown;
  const fail = (error: unknown): void => {
    ending ??= error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on('message', (answer: Answer) => {
    if (answer.kind === 'mutation') {
      answerMutation(answer, verdict as Int32Array);
      return;
    }
    const task = waiting.get(answer.id);
    waiting.delete(answer.id);
    pendingBytes -= task?.bytes ?? 0;
    task?.resolve(answer.outcomes);
  });
  worker.on('error', fail);
  worker.on('exit', (status) => fail(new Error(`a thread that stores objects ended with ${status}`)));
  return {
    get pendingBytes() {
      return pendingBytes;
    },
    perform(task, bytes) {
      return new Promise((resolve, reject) => {
        if (ending !== undefined) {
          reject(ending);
          return;
        }
        const id = count++;
        waiting.set(id, { resolve, reject, bytes });
        pendingBytes += bytes;
        worker.postMessage({ ...task, id });
      });
    },
    async end() {
      const last = [...waiting.values()].length === 0 ? undefined : this.perform(emptyTask, 0);
      await last?.catch(() => {});
      await worker.terminate();
    },
  };
}

const emptyTask: TaskWithoutId = { kind: 'files', files: [], choices: { methods: new Map(), mergesCopies: false } };

function answerMutation({ mutation }: Answer & { kind: 'mutation' }, verdict: Int32Array): void {
  let answer: number = verdicts.go;
  try {
    announceMutation(mutation);
  } catch (error) {
    stopReason = error;
    answer = verdicts.stop;
  }
  Atomics.store(verdict, 0, answer);
  Atomics.notify(verdict, 0);
}

// Beside this file; in a bundle, which may have put this code into a chunk of its own, at the bundle's top.
function findProgram(): URL {
  const places = ['./worker.ts', './object-worker.mjs', '../object-worker.mjs'];
  const found = places.map((place) => new URL(place, import.meta.url)).find((url) => existsSync(fileURLToPath(url)));
  if (found !== undefined) return found;
  throw new CodedError('PROGRAM_INCOMPLETE', `the program has no ${places[0]} beside ${import.meta.url}`, {
    hint: 'install it anew',
  });
}
