import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@workbench/run';
import type { ContainerStorage } from './container-storage.ts';
import { postToLibpod } from './libpod-request.ts';
import { type PodmanService, startPodmanService } from './podman-service.ts';
import { parsePullEvent } from './pull-events.ts';
import { isTransient, pullFailure } from './pull-failure.ts';
import { openPullFolder } from './pull-folder.ts';
import { createPullTracker, type LayerDescriptor, type PullProgress, type PullTracker } from './pull-progress.ts';
import { watchPull } from './pull-watch.ts';
import { registryAuthEnvironment, registryAuthHeader } from './registry-auth.ts';
import { listStoredLayers } from './stored-images.ts';

/** How an image is pulled. */
export interface PullOptions {
  /** Below it the credentials for registries are looked for: `/` of the running system. */
  root: string;
  /** File of credentials to be used instead. */
  authFile?: string | undefined;
  /** Layers by the manifest, for totals; see `fetchLayers`. */
  layers?: readonly LayerDescriptor[] | undefined;
  onProgress?: ((progress: PullProgress) => void) | undefined;
  /** Told of what is tried again. */
  onRetry?: ((line: string) => void) | undefined;
  /** A pull that neither reads nor writes for so long is given up. Default: two minutes. */
  stallTimeoutMs?: number | undefined;
  /** Pauses between attempts; there is one more attempt than pauses. Default: 1, 4 and 15 s. */
  pausesMs?: readonly number[] | undefined;
  signal?: AbortSignal | undefined;
}

const defaults = { stallTimeoutMs: 120_000, pausesMs: [1000, 4000, 15_000] } as const;

/**
 * Pulls an image from a registry into a storage, through podman's API. After it resolves, the image is there under its
 * name; whether it survives a loss of power is up to the next sync of the file system. If it throws, the storage has no
 * part of the image that any name leads to. Podman and its socket are gone either way.
 *
 * @param name as podman takes it.
 * @returns the id of the image: hex digest of its configuration.
 * @throws CodedError `PULL_FAILED` with podman's words, `PULL_STALLED`, `PULL_CUT_OFF`, `PULL_ANSWER_INVALID`,
 * `PODMAN_SERVICE_DIED`, `PODMAN_SERVICE_SILENT`, `PODMAN_MISSING`; the signal's reason.
 */
export async function pullImage(storage: ContainerStorage, name: string, options: PullOptions): Promise<string> {
  const tracker = createPullTracker(options.layers, await listStoredLayers(storage.path));
  const pauses = options.pausesMs ?? defaults.pausesMs;
  for (let attempt = 0; ; attempt++) {
    try {
      return await attemptPull(storage, name, { ...options, tracker });
    } catch (error) {
      options.signal?.throwIfAborted();
      const pauseMs = pauses[attempt];
      if (pauseMs === undefined || !isTransient(error)) throw error;
      options.onRetry?.(`${(error as CodedError).message}; trying again in ${pauseMs / 1000} s`);
      await sleep(pauseMs, undefined, options.signal === undefined ? {} : { signal: options.signal }).catch(() => {
        throw options.signal?.reason;
      });
    }
  }
}

type Attempt = PullOptions & { tracker: PullTracker };

async function attemptPull(storage: ContainerStorage, name: string, options: Attempt): Promise<string> {
  const { tracker, signal, stallTimeoutMs = defaults.stallTimeoutMs } = options;
  await using folder = await openPullFolder(storage.bootcDirectory, bytesToPull(tracker));
  await using service = await startPodmanService(storage, {
    // Podman writes the blobs there before it unpacks them.
    env: { ...(await registryAuthEnvironment(options)), TMPDIR: folder.path },
    ...(signal === undefined ? {} : { signal }),
  });
  const over = new AbortController();
  const stop = AbortSignal.any(signal === undefined ? [over.signal] : [over.signal, signal]);
  service.died.catch((error: unknown) => over.abort(error));
  const watch = watchPull({
    pid: service.pid,
    stallTimeoutMs,
    signal: stop,
    onSample: async () => {
      tracker.sample(await folder.fileSizes());
      options.onProgress?.(tracker.progress());
    },
    onStall: () => over.abort(stalled(name, stallTimeoutMs)),
  });
  try {
    return await readAnswer(service, name, { ...options, signal: stop });
  } finally {
    over.abort();
    await watch;
  }
}

function bytesToPull(tracker: PullTracker): number | undefined {
  const { bytesTotal, bytesCached } = tracker.progress();
  return bytesTotal === 0 ? undefined : bytesTotal - bytesCached;
}

async function readAnswer(
  service: PodmanService,
  name: string,
  options: Attempt & { signal: AbortSignal },
): Promise<string> {
  const query = { reference: name, pullProgress: 'true', policy: 'always' };
  try {
    const headers = await registryAuthHeader(options);
    const answer = await postToLibpod(service.socketPath, { path: '/images/pull', query, headers }, options.signal);
    if (answer.status < 200 || answer.status > 299) {
      const body = (await Array.fromAsync(answer.lines)).join(' ');
      throw pullFailure(name, `Podman libpod pull failed with HTTP ${answer.status}: ${body}`);
    }
    return await followPull(answer.lines, name, options);
  } catch (error) {
    // The connection of a service that dies breaks before its end is known.
    if (error instanceof CodedError && error.code === 'PULL_CUT_OFF') await Promise.race([service.died, sleep(1000)]);
    throw error;
  }
}

async function followPull(lines: AsyncIterable<string>, name: string, options: Attempt): Promise<string> {
  const { tracker } = options;
  let id: string | undefined;
  for await (const line of lines) {
    const event = parsePullEvent(line);
    if (event === undefined) continue;
    if (event.error) throw pullFailure(name, event.error);
    tracker.take(event);
    options.onProgress?.(tracker.progress());
    id = event.id ?? event.images?.at(-1) ?? id;
  }
  if (id === undefined) {
    throw new CodedError('PULL_CUT_OFF', `podman ended the pull of ${name} without a result`, {
      hint: 'run the command again; see whether podman works at all: podman info',
    });
  }
  tracker.finish();
  options.onProgress?.(tracker.progress());
  return id.replace(/^sha256:/, '');
}

function stalled(name: string, timeoutMs: number): CodedError {
  return new CodedError('PULL_STALLED', `the pull of ${name} has stood still for ${timeoutMs / 1000} s`, {
    hint: 'check the network and the registry, then run the command again',
  });
}
