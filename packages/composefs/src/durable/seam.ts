/** One change of the disk that is about to be made. */
export interface Mutation {
  /** The kind of call. */
  name:
    | 'create'
    | 'write'
    | 'clone'
    | 'dedupe'
    | 'seal'
    | 'mkdir'
    | 'attributes'
    | 'link'
    | 'symlink'
    | 'rename'
    | 'exchange'
    | 'unlink'
    | 'rmdir'
    | 'fsync'
    | 'syncfs';
  /** What it changes; for a file without a name, its directory. */
  path: string;
}

/** Called before each mutation. What it throws, the mutating call throws, without having changed anything. */
export type MutationObserver = (mutation: Mutation) => void;

let observer: MutationObserver | undefined;

/**
 * Lets a test see, fail or stop every change of the disk: all of them pass here. An observer that throws from some
 * point on is a process that was killed at that point, since not even cleaning up can change anything any more.
 *
 * @returns a handle that takes the observer away again.
 */
export function observeMutations(newObserver: MutationObserver): Disposable {
  const previous = observer;
  observer = newObserver;
  return {
    [Symbol.dispose]: () => {
      observer = previous;
    },
  };
}

/** Announces a mutation. Only the functions of this folder call it. */
export function beforeMutation(name: Mutation['name'], path: string): void {
  observer?.({ name, path });
}

/** Whether anybody observes mutations: then those of other threads have to be announced here too. */
export function isObserved(): boolean {
  return observer !== undefined;
}

/** Announces a mutation that another thread of this process is about to make. @throws what the observer throws. */
export function announceMutation(mutation: Mutation): void {
  observer?.(mutation);
}
