import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDirectory, mountImage } from '@workbench/composefs';
import { run } from '@workbench/run';
import { deploymentPaths, etcOverlay } from '../deployment/state-paths.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { isRootOf } from '../storage/environment.ts';
import { mountAt } from '../storage/mount-table.ts';
import { withoutDisposal } from './bare-etc.ts';

/** Where systemd looks for the root of the next userspace; see systemd-soft-reboot.service(8). */
export const nextRoot = '/run/nextroot';

/**
 * Opens the `/etc` of a deployment that has an overlay there, as its initramfs will mount it: what is written to `path` is what the
 * deployment sees, since the kernel itself puts it into the upper layer. Disposing of it unmounts it, unless it is mounted already
 * because the next userspace is to begin with it; the kernel takes no second mount of the same layers.
 *
 * @throws what mountImage throws; CommandError of mount(8).
 */
export async function openOverlayEtc(
  storage: BootedStorage,
  deploymentId: string,
): Promise<{ path: string } & AsyncDisposable> {
  const { mounts } = storage;
  const prepared = join(nextRoot, 'etc');
  if (isRootOf(mountAt(mounts, nextRoot), deploymentId) && mountAt(mounts, prepared)?.filesystem === 'overlay') {
    return withoutDisposal(join(storage.root, prepared));
  }
  const { etc } = deploymentPaths(storage.physicalRoot, deploymentId);
  const layers = { upper: join(etc, etcOverlay.upper), work: join(etc, etcOverlay.work) };
  makeDirectory(layers.upper, 0o755);
  makeDirectory(layers.work, 0o700);
  await using stack = new AsyncDisposableStack();
  const place = await mkdtemp(join(tmpdir(), 'bootc-etc-'));
  stack.defer(() => rmdir(place));
  const verity = storage.host.isMissingVerityAllowed ? 'if-supported' : 'require';
  stack.use(await mountImage(await storage.openRepository(), deploymentId, place, { verity }));
  const path = join(place, 'etc');
  const options = `lowerdir=${path},upperdir=${layers.upper},workdir=${layers.work}`;
  await run(['mount', '-t', 'overlay', '-o', options, 'overlay', path], {
    step: `mount /etc of the deployment ${deploymentId}`,
    timeoutMs: 60_000,
  });
  stack.defer(async () => {
    await run(['umount', path], { step: `unmount /etc of the deployment ${deploymentId}`, timeoutMs: 60_000 });
  });
  const opened = stack.move();
  return { path, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
