import { setTimeout as sleep } from 'node:timers/promises';
import { readProcessActivity } from './process-activity.ts';

/** How a pull is watched. */
export interface WatchOptions {
  /** The service that pulls. */
  pid: number;
  stallTimeoutMs: number;
  /** Called some times a second. */
  onSample(): Promise<void>;
  onStall(): void;
  signal: AbortSignal;
}

const sampleMs = 200;
// Timers and wake-ups of an idle process move a few bytes.
const idleBytes = 4096;

/** Looks at a pull until it is told to stop. @throws what `onSample` throws. */
export async function watchPull(options: WatchOptions): Promise<void> {
  let activity = 0;
  let activeAt = performance.now();
  while (!options.signal.aborted) {
    await sleep(sampleMs, undefined, { signal: options.signal }).catch(() => undefined);
    if (options.signal.aborted) return;
    await options.onSample();
    const now = await readProcessActivity(options.pid);
    if (now === undefined) return;
    if (Math.abs(now - activity) > idleBytes) {
      activity = now;
      activeAt = performance.now();
    } else if (performance.now() - activeAt > options.stallTimeoutMs) {
      options.onStall();
      return;
    }
  }
}
