import { fstatSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@workbench/run';
import { type LockKind, lock } from '../syscalls/locks.ts';

/** Tells that a lock is being waited for. */
export interface LockWait {
  path: string;
  kind: LockKind;
  /** Those who hold it, as `PID (command line)`; empty if the kernel does not show them. */
  holders: string[];
}

const defaultPatienceMs = 2000;

/**
 * Takes the lock of a repository, which is an flock(2) of its directory: shared to use it, exclusive to collect
 * garbage. Waits as long as others hold it against that; after `patienceMs` (default: two seconds) `onWait` is told who
 * does.
 *
 * @throws CodedError `REPOSITORY_BUSY` that names the holders when the signal is one of `AbortSignal.timeout`; the
 * signal's reason when it was aborted otherwise.
 */
export async function lockRepository(
  fd: number,
  path: string,
  kind: LockKind,
  options: { onWait?: (wait: LockWait) => void; patienceMs?: number; signal?: AbortSignal } = {},
): Promise<void> {
  const done = new AbortController();
  const { onWait, patienceMs = defaultPatienceMs } = options;
  if (onWait !== undefined) {
    sleep(patienceMs, undefined, { signal: done.signal, ref: false }).then(
      () => onWait({ path, kind, holders: findHolders(fd) }),
      () => {},
    );
  }
  try {
    await lock(fd, kind, options.signal);
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== 'TimeoutError') throw error;
    const holders = findHolders(fd).join(', ');
    throw new CodedError('REPOSITORY_BUSY', `${path} is in use${holders === '' ? '' : ` by ${holders}`}`, {
      hint: 'wait until that is done, or end it',
      cause: error,
    });
  } finally {
    done.abort();
  }
}

/** Who holds a lock on the file of a descriptor, by /proc/locks (proc_locks(5)), this process left out. */
function findHolders(fd: number): string[] {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  const hex = (value: bigint) => value.toString(16).padStart(2, '0');
  const holders = { exact: new Set<number>(), likely: new Set<number>() };
  for (const line of readText('/proc/locks').split('\n')) {
    const fields = line.trim().split(/\s+/);
    const pid = Number(fields[4]);
    const [lockMajor, lockMinor, inode] = fields[5]?.split(':') ?? [];
    if (fields[1] !== 'FLOCK' || pid === process.pid || inode !== String(ino)) continue;
    const isExact = lockMajor === hex(major) && lockMinor === hex(minor);
    holders[isExact ? 'exact' : 'likely'].add(pid);
  }
  // A subvolume of btrfs has a device number of its own, which is not the one that the kernel prints.
  const found = holders.exact.size > 0 ? holders.exact : holders.likely;
  return Array.from(found, (pid) => `${pid} (${commandOf(pid)})`);
}

const longestCommand = 120;

function commandOf(pid: number): string {
  const line = readText(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
  if (line === '') return readText(`/proc/${pid}/comm`).trim();
  return line.length > longestCommand ? `${line.slice(0, longestCommand)}…` : line;
}

// Processes come and go, and a sandbox may hide /proc; it is only for a message.
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
