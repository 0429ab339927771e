import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '@workbench/composefs';
import { CodedError, run } from '@workbench/run';
import { transientRootSource } from '../storage/environment.ts';
import { type Mount, mountAt, readMountTable } from '../storage/mount-table.ts';
import { pathExists } from '../storage/optional-file.ts';

/** What `bootc usr-overlay` lays over `/usr`. */
export interface UsrOverlayOptions {
  /** Nothing can be written, until somebody remounts it. */
  isReadOnly: boolean;
}

/** Where the layer is made; `/usr` and `/run` of the running system unless it is a test. */
export interface UsrOverlayPlace {
  usr: string;
  /** A folder on a file system that is gone with the power. */
  runtime: string;
}

const systemPlace: UsrOverlayPlace = { usr: '/usr', runtime: '/run/bootc' };

/**
 * `bootc usr-overlay`: lays a layer over `/usr` of the running system, and tells that it did, or that there is one.
 *
 * @throws CodedError `TRANSIENT_ROOT_READ_ONLY`; CommandError of mount(8).
 */
export async function runUsrOverlay(options: UsrOverlayOptions): Promise<void> {
  if (isUsrTransient(await readMountTable('/'))) {
    process.stdout.write(
      'The root is transient: /usr is writeable, and all changes there will be discarded on reboot.\n',
    );
    return;
  }
  const wasLaid = await layUsrOverlay(options, systemPlace);
  if (!wasLaid) {
    process.stdout.write('An overlayfs is already mounted on /usr\n');
    return;
  }
  process.stdout.write(
    options.isReadOnly
      ? 'A read-only overlayfs is now mounted on /usr.\nAll of it is discarded on reboot.\n'
      : 'A writeable overlayfs is now mounted on /usr.\nAll changes there will be discarded on reboot.\n',
  );
}

/**
 * Whether changes of `/usr` are possible and gone with the power without a layer of its own, as on a transient root. The kernel would
 * not take one more overlay there (fs.h, FILESYSTEM_MAX_STACK_DEPTH).
 *
 * @throws CodedError `TRANSIENT_ROOT_READ_ONLY` when that root is mounted read-only.
 */
export function isUsrTransient(mounts: readonly Mount[]): boolean {
  const root = mountAt(mounts, '/');
  if (mountAt(mounts, '/usr') !== undefined || root?.source.startsWith(transientRootSource) !== true) return false;
  if (!root.options.includes('ro')) return true;
  throw new CodedError('TRANSIENT_ROOT_READ_ONLY', 'the root is transient, but it is mounted read-only', {
    hint: 'mount -o remount,rw / makes all of it writeable until the next boot',
  });
}

/**
 * Mounts an overlay over `/usr` whose upper layer lies in memory, in the mount namespace of this process. No name leads to
 * that layer. If it throws, nothing is mounted.
 *
 * @returns false when something is mounted there already, which is left alone.
 */
export async function layUsrOverlay(options: UsrOverlayOptions, place: UsrOverlayPlace): Promise<boolean> {
  if (mountAt(await readMountTable('/'), place.usr) !== undefined) return false;
  const memory = join(place.runtime, 'usr-overlay');
  mkdirSync(memory, { recursive: true });
  const mount = (args: readonly string[], step: string) => run(['mount', ...args], { step, timeoutMs: 60_000 });
  await mount(['-t', 'tmpfs', '-o', 'mode=0755', 'tmpfs', memory], 'make room in memory for changes of /usr');
  try {
    const [upper, work] = [join(memory, 'upper'), join(memory, 'work')];
    // The mode of the upper folder becomes that of /usr, which every user must be able to enter.
    makeDirectory(upper, 0o755);
    makeDirectory(work, 0o700);
    if (await pathExists('/sys/fs/selinux/enforce')) {
      await run(['chcon', `--reference=${place.usr}`, upper], { step: 'label the layer over /usr', timeoutMs: 60_000 });
    }
    const layers = `lowerdir=${place.usr},upperdir=${upper},workdir=${work}`;
    const access = options.isReadOnly ? 'ro' : 'rw';
    await mount(['-t', 'overlay', '-o', `${access},${layers}`, 'transient', place.usr], 'lay an overlay over /usr');
  } finally {
    await run(['umount', '--lazy', memory], { step: 'hide the layer over /usr', timeoutMs: 60_000 });
  }
  return true;
}
