import { CodedError, run } from '@workbench/run';
import { type BaseDisk, baseDiskFolder, findBaseDisk } from '../cache/base-disks.ts';
import type { Context } from '../context/context.ts';

/** Makes a VM's disk: an overlay, which takes what the VM writes. */
export async function makeOverlay(backingFile: string, file: string, diskBytes: number): Promise<void> {
  await run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', backingFile, file, String(diskBytes)], {
    step: "make the VM's disk",
  });
}

/**
 * Makes sure that a base disk is still there. Call it once the VM's record is: from then on that protects the disk.
 *
 * @throws CodedError BASE_DISK_GONE
 */
export function requireBaseDisk(baseDisk: BaseDisk, context: Context): void {
  if (findBaseDisk(baseDiskFolder(context.folders.cache), baseDisk.key) !== undefined) return;
  throw new CodedError('BASE_DISK_GONE', `base disk ${baseDisk.key} was removed a moment ago`, {
    hint: 'run it again, and raise BCVK_CACHE_BUDGET',
  });
}
