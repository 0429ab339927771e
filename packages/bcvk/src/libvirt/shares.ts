import { join } from 'node:path';
import { findContainerStorage } from '../images/podman.ts';
import { storageMountPoint } from './credentials.ts';
import type { SharedFolder } from './domain-xml.ts';
import type { RunVmRequest } from './run-vm-request.ts';

/** Shares of a VM: as they are, or for read-only ones a read-only bind mount of them, which holds against any guest. */
export async function planShares(request: RunVmRequest, sharesFolder: string) {
  const storage = request.bindStorage
    ? [{ host: request.storagePath ?? (await findContainerStorage()), guest: storageMountPoint, tag: 'hoststorage' }]
    : [];
  const readOnly = [
    ...request.readOnlyBinds.map((bind, index) => ({ ...bind, tag: `bcvk-bind-ro-${index}` })),
    ...storage,
  ];
  const writable = request.binds.map((bind, index) => ({ ...bind, tag: `bcvk-bind-${index}` }));
  const readOnlyBinds = readOnly.map(({ host, tag }) => ({ from: host, to: join(sharesFolder, tag) }));
  const folders: SharedFolder[] = [
    ...request.volumes.map(({ host, guest }) => ({ folder: host, tag: guest })),
    ...writable.map(({ host, tag }) => ({ folder: host, tag })),
    ...readOnly.map(({ tag }) => ({ folder: join(sharesFolder, tag), tag })),
  ];
  const mounts = [
    ...writable.map(({ guest, tag }) => ({ tag, guestPath: guest, readOnly: false })),
    ...readOnly.map(({ guest, tag }) => ({ tag, guestPath: guest, readOnly: true })),
  ];
  return { folders, mounts, readOnlyBinds };
}
