import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { type Mount, mountAt } from '../storage/mount-table.ts';
import type { TargetRoot } from './target-root.ts';

/**
 * The file system of its own that is mounted at `/boot` of a target. Over a system of bootc that runs, it is mounted in that, not in the
 * physical root. An ESP there is none, nor is a part of the root's file system.
 */
export function separateBootOf(root: TargetRoot): Mount | undefined {
  const boot = bootMountsOf(root).find(({ filesystem }) => filesystem !== 'autofs');
  return boot === undefined || boot.filesystem === 'vfat' || boot.device === root.mount.device ? undefined : boot;
}

function bootMountsOf({ physicalRoot, path, mounts }: TargetRoot): Mount[] {
  return [physicalRoot, path].flatMap((folder) => mountAt(mounts, join(folder, 'boot')) ?? []);
}

/**
 * Makes sure that grub will find `/boot` of a target where the running system has it. Grub knows whole file systems, no mounts.
 *
 * @param asked the source of `/boot` that the installed system will mount, if any.
 * @param hasBootupd the image brings a grub of its own making, which may find more than others.
 * @throws CodedError `GRUB_BOOT_NOT_MOUNTED`, `GRUB_BOOT_IS_ESP`, `GRUB_BOOT_NOT_AT_TOP`.
 */
export function assertGrubFindsBoot(
  root: TargetRoot,
  { asked, hasBootupd }: { asked?: string; hasBootupd: boolean },
): void {
  const separate = separateBootOf(root);
  const folder = join(root.physicalRoot, 'boot');
  const [mounted] = bootMountsOf(root);
  if (separate === undefined && mounted?.filesystem === 'vfat') {
    throw new CodedError(
      'GRUB_BOOT_IS_ESP',
      `the ESP is mounted at ${mounted.mountPoint}, where grub keeps its kernels`,
      {
        hint: `mount it at ${join(folder, 'efi')}, or set --bootloader systemd`,
      },
    );
  }
  if (separate === undefined && asked !== undefined) {
    throw new CodedError('GRUB_BOOT_NOT_MOUNTED', `grub reads its kernels from ${asked}, which is not mounted`, {
      hint: `mount it at ${folder} first`,
    });
  }
  const { rootInFilesystem, mountPoint } = separate ?? mounted ?? root.mount;
  if (rootInFilesystem === '/' || hasBootupd) return;
  throw new CodedError(
    'GRUB_BOOT_NOT_AT_TOP',
    `grub looks for /boot from the top of a file system, and at ${mountPoint} only its ${rootInFilesystem} is mounted`,
    { hint: `mount a file system of its own at ${folder}, or set --bootloader systemd` },
  );
}
