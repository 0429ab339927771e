import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, CommandError, lastLines } from '@workbench/run';
import { pathExists } from '../storage/optional-file.ts';
import type { ContainerStorage } from './container-storage.ts';
import { runPodman } from './podman.ts';

/** A podman that answers on a socket. Disposing of it stops it and removes the socket, whatever state it is in. */
export interface PodmanService extends AsyncDisposable {
  socketPath: string;
  pid: number;
  /** Never resolves; rejects with `PODMAN_SERVICE_DIED` when the service ends by itself. */
  died: Promise<never>;
}

const socketsParent = '/run/bootc';
const socketPollMs = 20;
const startTimeoutMs = 90_000;
// Stopped by us long before; this is for the case that nobody can.
const serviceTimeoutMs = 24 * 3600 * 1000;
const idleSeconds = 60;
const stopTimeoutMs = 500;

/**
 * Starts podman's API service on a storage, on a socket of its own that only root reaches. It ends with this process at
 * the latest.
 *
 * @throws CodedError `PODMAN_SERVICE_DIED`, `PODMAN_SERVICE_SILENT`, `PODMAN_MISSING`; the signal's reason.
 */
export async function startPodmanService(
  storage: ContainerStorage,
  options: { env?: Readonly<Record<string, string>>; signal?: AbortSignal },
): Promise<PodmanService> {
  mkdirSync(socketsParent, { recursive: true });
  removeLeftSockets();
  const socketPath = join(mkdtempSync(join(socketsParent, `podman-${process.pid}-`)), 'api.sock');
  const stop = new AbortController();
  const lines: string[] = [];
  let pid: number | undefined;
  const args = ['system', 'service', `--time=${idleSeconds}`, `unix://${socketPath}`];
  const ended = runPodman(storage.path, args, {
    step: 'serve podman',
    timeoutMs: serviceTimeoutMs,
    signal: stop.signal,
    ...(options.env === undefined ? {} : { env: options.env }),
    onStart: (started) => {
      pid = started;
    },
    onLine: (line) => lines.push(line),
  });
  const died = ended.then(
    () => Promise.reject(serviceDied('it ended', lines)),
    (error: unknown) => Promise.reject(describeDeath(error, lines)),
  );
  let isRunning = true;
  died.catch(() => {
    isRunning = false;
  });
  const dispose = async (): Promise<void> => {
    stop.abort();
    // One that waits for a registry does not listen. It has nothing to finish: the next podman removes what is incomplete.
    const kill = setTimeout(() => isRunning && pid !== undefined && process.kill(pid, 'SIGKILL'), stopTimeoutMs);
    await ended.catch(() => undefined);
    clearTimeout(kill);
    rmSync(dirname(socketPath), { recursive: true, force: true });
  };
  try {
    await Promise.race([waitForSocket(socketPath, options.signal), died]);
    if (pid === undefined) throw new Error('the service runs without a process');
    return { socketPath, pid, died, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Removes the folders of programs that were killed, whose services ended with them. */
function removeLeftSockets(): void {
  for (const name of readdirSync(socketsParent)) {
    const owner = /^podman-(\d+)-/.exec(name)?.[1];
    if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
    rmSync(join(socketsParent, name), { recursive: true, force: true });
  }
}

async function waitForSocket(socketPath: string, signal: AbortSignal | undefined): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  while (!(await pathExists(socketPath))) {
    if (performance.now() > deadline) {
      throw new CodedError(
        'PODMAN_SERVICE_SILENT',
        `podman made no socket ${socketPath} in ${startTimeoutMs / 1000} s`,
        {
          hint: 'see whether podman works at all: podman info',
        },
      );
    }
    await sleep(socketPollMs, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
      throw signal?.aborted === true ? signal.reason : error;
    });
  }
}

function describeDeath(error: unknown, lines: readonly string[]): unknown {
  if (!(error instanceof CommandError)) return error;
  const how = error.failure === 'exit' ? `it exited with ${error.commandExitCode}` : error.message.split('\n')[0];
  return serviceDied(String(how).replace('serve podman: ', ''), lines);
}

function serviceDied(how: string, lines: readonly string[]): CodedError {
  const last = lastLines(lines.join('\n'), 5).join('; ');
  return new CodedError(
    'PODMAN_SERVICE_DIED',
    `the service of podman is gone: ${how}${last === '' ? '' : `: ${last}`}`,
    {
      hint: 'see whether podman works at all: podman info',
    },
  );
}
