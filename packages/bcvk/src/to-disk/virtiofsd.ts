import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CodedError, run } from '@workbench/run';
import { virtiofsdArguments } from './installer-machine.ts';

const places = ['/usr/libexec/virtiofsd', '/usr/lib/virtiofsd', '/usr/lib/qemu/virtiofsd', '/usr/lib/kvm/virtiofsd'];
const startDeadlineMs = 10_000;
const pollMs = 20;

/**
 * The virtiofsd program: the one that was asked for (`--virtiofsd`, VIRTIOFSD_BIN), else from PATH, else where
 * distributions put it.
 *
 * @throws CodedError VIRTIOFSD_NOT_FOUND
 */
export function findVirtiofsd(asked: string | undefined, env: NodeJS.ProcessEnv): string {
  const onPath = (env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'virtiofsd'));
  const found = (asked === undefined ? [...onPath, ...places] : [asked]).find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new CodedError('VIRTIOFSD_NOT_FOUND', `virtiofsd was not found${asked === undefined ? '' : ` at ${asked}`}`, {
    hint: 'install the package virtiofsd (in Debian 12: qemu-system-common), or set VIRTIOFSD_BIN',
  });
}

/** A running virtiofsd. */
export interface RunningVirtiofsd extends AsyncDisposable {
  /** Rejects when it ends by itself. */
  readonly died: Promise<never>;
}

/**
 * Starts one virtiofsd for a read-only share, and waits until its socket is there. If this throws, it runs no more.
 *
 * @throws CodedError VIRTIOFSD_SLOW, VIRTIOFSD_ENDED; CommandError when it fails.
 */
export async function startVirtiofsd(
  program: string,
  share: { folder: string; socket: string; logFile: string },
  deadlineMs = startDeadlineMs,
): Promise<RunningVirtiofsd> {
  const stop = new AbortController();
  const ended = run(virtiofsdArguments(program, share), {
    step: `share ${share.folder}`,
    timeoutMs: 86_400_000,
    logFile: share.logFile,
    signal: stop.signal,
  });
  const died = ended.then(() => {
    throw new CodedError('VIRTIOFSD_ENDED', `virtiofsd for ${share.folder} ended`, {
      hint: `its output is in ${share.logFile}`,
    });
  });
  died.catch(() => undefined);
  const end = async (): Promise<void> => {
    stop.abort();
    await ended.catch(() => undefined);
  };
  try {
    await Promise.race([died, waitForSocket(share.socket, deadlineMs)]);
  } catch (error) {
    await end();
    throw error;
  }
  return { died, [Symbol.asyncDispose]: end };
}

async function waitForSocket(path: string, deadlineMs: number): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!existsSync(path)) {
    if (performance.now() > deadline) {
      throw new CodedError('VIRTIOFSD_SLOW', `virtiofsd did not make ${path} in ${deadlineMs / 1000} s`, {
        hint: 'is the machine overloaded?',
      });
    }
    await delay(pollMs);
  }
}
