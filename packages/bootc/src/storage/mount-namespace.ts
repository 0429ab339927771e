import { accessSync, constants, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

// This module is loaded before anything else, so it imports nothing of this program.

/** Set for the program that runs in a mount namespace of its own, so that it does not try again. */
export const guardVariable = '_ostree_unshared';

/** Files that a container engine puts into its containers. */
export const containerMarkers: readonly string[] = ['/run/.containerenv', '/.dockerenv', '/run/systemd/container'];

// Whether this process shares the mount namespace of process 1. False when that cannot be told.
function isInInitialMountNamespace(): boolean {
  try {
    return readlinkSync('/proc/self/ns/mnt') === readlinkSync('/proc/1/ns/mnt');
  } catch {
    return false;
  }
}

/**
 * Whether this is a host booted from composefs, judged by the kernel command line alone: cheap, for a decision that is
 * checked again later.
 */
export function looksLikeBootedHost(): boolean {
  const isContainer = containerMarkers.some(exists);
  try {
    return !isContainer && /(^|\s)composefs=/.test(readFileSync('/proc/cmdline', 'utf8'));
  } catch {
    return false;
  }
}

function exists(path: string): boolean {
  try {
    accessSync(path, constants.F_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether this program runs in a mount namespace that {@link enterPrivateMountNamespace} made for it. */
export function hasPrivateMountNamespace(): boolean {
  return process.env[guardVariable] !== undefined && !isInInitialMountNamespace();
}

/**
 * Replaces this program by itself in a private mount namespace, through unshare(1), so that what it mounts is seen by
 * nobody else and is gone when it ends; a caller that has a namespace of its own is somebody else, too. Returns only when
 * this has been done.
 *
 * @throws Error with a message for people when there is no unshare, or when it did not help.
 */
export function enterPrivateMountNamespace(): void {
  if (process.env[guardVariable] !== undefined) {
    if (!isInInitialMountNamespace()) return;
    throw new Error(`still in the mount namespace of process 1 though ${guardVariable} is set`);
  }
  const unshare = (process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin')
    .split(':')
    .map((directory) => join(directory, 'unshare'))
    .find(exists);
  if (unshare === undefined) throw new Error('unshare was not found; install util-linux');
  const argv = ['unshare', '-m', '--', process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve!(unshare, argv, { ...process.env, [guardVariable]: '1' });
}
