import { homedir } from 'node:os';
import { join } from 'node:path';

/** The three places where the program keeps files. */
export interface Folders {
  /** What can be made again: installed base disks, the answer of the acceleration probe. */
  cache: string;
  /** What cannot: the disks and firmware variables of VMs. */
  state: string;
  /** What ends with the host's uptime: locks, sockets, work folders of running installs. */
  runtime: string;
}

/**
 * The folders of this user: `BCVK_CACHE_DIR`, `BCVK_STATE_DIR`, `BCVK_RUNTIME_DIR` where they are set; else those of
 * the file-hierarchy(7) for root, and of the XDG base directory specification for others. A variable that is set to nothing
 * counts as not set.
 */
export function findFolders(env: NodeJS.ProcessEnv, isRoot: boolean): Folders {
  const home = env.HOME || homedir();
  const user = {
    cache: join(env.XDG_CACHE_HOME || join(home, '.cache'), 'bcvk'),
    state: join(env.XDG_STATE_HOME || join(home, '.local/state'), 'bcvk'),
    runtime: env.XDG_RUNTIME_DIR ? join(env.XDG_RUNTIME_DIR, 'bcvk') : join(home, '.cache/bcvk-run'),
  };
  const fallback = isRoot ? { cache: '/var/cache/bcvk', state: '/var/lib/bcvk', runtime: '/run/bcvk' } : user;
  return {
    cache: env.BCVK_CACHE_DIR || fallback.cache,
    state: env.BCVK_STATE_DIR || fallback.state,
    runtime: env.BCVK_RUNTIME_DIR || fallback.runtime,
  };
}
