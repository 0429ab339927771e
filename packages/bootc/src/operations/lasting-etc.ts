import { join } from 'node:path';
import { deploymentPaths } from '../deployment/state-paths.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { transientRootSource } from '../storage/environment.ts';
import { type Mount, mountAt } from '../storage/mount-table.ts';

/**
 * The `/etc` whose local changes go over to the next deployment. That is the one in use, unless all that is changed there is to be
 * gone with the power: then it is the one in the state folder of the booted deployment, with what was changed before `/etc` became
 * transient. So nothing of this boot becomes lasting by an update, and nothing of it can stand in the way of one.
 */
export function lastingEtc(storage: Pick<BootedStorage, 'root' | 'physicalRoot' | 'host' | 'mounts'>): string {
  if (!isEtcTransient(storage.mounts)) return join(storage.root, 'etc');
  return deploymentPaths(storage.physicalRoot, storage.host.deploymentId).etc;
}

// As initramfs-setup mounts them. Where nothing is mounted on it, /etc is a part of the root.
function isEtcTransient(mounts: readonly Mount[]): boolean {
  const etc = mountAt(mounts, '/etc');
  if (etc !== undefined) return etc.filesystem === 'overlay' && etc.source === 'transient';
  return mountAt(mounts, '/')?.source.startsWith(transientRootSource) === true;
}
