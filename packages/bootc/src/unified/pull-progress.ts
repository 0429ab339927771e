import type { PullEvent } from './pull-events.ts';

/** How far one blob is. */
export interface BlobProgress {
  /** `sha256:…`; the configuration of the image is a blob too. */
  digest: string;
  state: 'waiting' | 'pulling' | 'done' | 'cached';
  bytesDone: number;
  /** 0 when it is not known. */
  bytesTotal: number;
}

/** How far a pull is. `bytesDone` never falls and `bytesTotal` never changes, so that a bar never runs backwards. */
export interface PullProgress {
  /** Includes what did not have to be pulled. */
  bytesDone: number;
  /** Of all layers by the manifest; 0 when that is not known. */
  bytesTotal: number;
  bytesCached: number;
  blobs: readonly BlobProgress[];
}

/** A layer as the manifest names it. */
export interface LayerDescriptor {
  digest: string;
  size: number;
}

/** Follows a pull by what podman tells and by what it has written. */
export interface PullTracker {
  take(event: PullEvent): void;
  /** Sizes of the files into which podman writes the blobs it pulls. */
  sample(fileSizes: readonly number[]): void;
  finish(): void;
  progress(): PullProgress;
}

/**
 * Follows a pull. Podman before 5.6 tells only which blob it begins with; how much of it there is, is seen from its
 * temporary files, which no name connects with a blob.
 *
 * @param layers by the manifest; without them totals are not known.
 * @param present digests of the layers that the storage has already.
 */
export function createPullTracker(
  layers: readonly LayerDescriptor[] = [],
  present: ReadonlySet<string> = new Set(),
): PullTracker {
  const blobs = new Map<string, BlobProgress>();
  for (const { digest, size } of layers) {
    const isPresent = present.has(digest);
    const state = isPresent ? 'cached' : 'waiting';
    blobs.set(digest, { digest, state, bytesDone: isPresent ? size : 0, bytesTotal: size });
  }
  const bytesTotal = layers.reduce((sum, { size }) => sum + size, 0);
  const bytesCached = layers.reduce((sum, { digest, size }) => sum + (present.has(digest) ? size : 0), 0);
  let bytesDone = bytesCached;
  const reach = (bytes: number): void => {
    bytesDone = Math.max(bytesDone, bytesTotal === 0 ? bytes : Math.min(bytes, bytesTotal));
  };
  const blobOf = (digest: string): BlobProgress => {
    const known = blobs.get(digest) ?? { digest, state: 'waiting', bytesDone: 0, bytesTotal: 0 };
    blobs.set(digest, known);
    return known;
  };
  const update = (digest: string, change: Partial<BlobProgress>): void => {
    const before = blobOf(digest);
    const isOver = before.state === 'done' || before.state === 'cached';
    const done = Math.max(before.bytesDone, change.bytesDone ?? 0);
    // The manifest knows better than who pulls.
    const told = change.bytesTotal ?? 0;
    const learned = told > 0 ? Math.max(told, before.bytesDone) : 0;
    const total = before.bytesTotal > 0 ? before.bytesTotal : learned;
    const state = isOver ? before.state : (change.state ?? before.state);
    blobs.set(digest, { digest, state, bytesDone: total > 0 ? Math.min(done, total) : done, bytesTotal: total });
  };
  const reachBySum = (): void => reach([...blobs.values()].reduce((sum, blob) => sum + blob.bytesDone, 0));
  const complete = (digest: string, state: 'done' | 'cached'): void =>
    update(digest, { state, bytesDone: blobOf(digest).bytesTotal });

  return {
    take(event) {
      const { pullProgress, stream } = event;
      const digest =
        pullProgress?.progressComponentID ?? /^Copying (?:blob|config) (sha256:[0-9a-f]{64})/.exec(stream ?? '')?.[1];
      if (digest === undefined) return;
      switch (pullProgress?.status) {
        case 'success':
          complete(digest, 'done');
          break;
        case 'skipped':
          complete(digest, 'cached');
          break;
        default:
          update(digest, {
            state: 'pulling',
            bytesDone: pullProgress?.current ?? 0,
            bytesTotal: pullProgress?.total ?? 0,
          });
      }
      reachBySum();
    },
    sample(fileSizes) {
      reach(bytesCached + fileSizes.reduce((sum, size) => sum + size, 0));
    },
    finish() {
      for (const digest of blobs.keys()) complete(digest, 'done');
      reach(bytesTotal);
    },
    progress: () => ({ bytesDone, bytesTotal, bytesCached, blobs: [...blobs.values()] }),
  };
}
