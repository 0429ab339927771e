import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '@workbench/composefs';
import { run } from '@workbench/run';
import { mountAt, readMountTable } from '../storage/mount-table.ts';
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

/** `bootc usr-overlay`: lays a layer over `/usr` of the running system, and tells that it did, or that there is one. */
export async function runUsrOverlay(options: UsrOverlayOptions): Promise<void> {
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
