import { mkdir } from 'node:fs/promises';
import { CodedError, CommandError, run } from '@workbench/run';
import { type BlockDevice, disksHolding, listBlockDevices, listEspPartitions } from './block-devices.ts';
import { type Mount, mountAt } from './mount-table.ts';

/** Where the EFI system partition is mounted in the private mount namespace of this process. */
const espMountPoint = '/run/bootc/esp';

const espOptions = 'noexec,nosuid,fmask=0177,dmask=0077';

/**
 * The EFI system partition of the disks that `/sysroot` lives on: of several the one that the boot loader was started from, since that is
 * where it read its entries, else the first. If these disks have none, the one it was started from wherever that is.
 *
 * @param startedFrom UUID of a partition, in small letters.
 * @throws CodedError `ESP_NOT_FOUND` naming the disks that were looked at.
 */
export function espOfSysroot(devices: readonly BlockDevice[], sysroot: Mount, startedFrom?: string): BlockDevice {
  // Btrfs shows a device number of its own, so its device is known by its path only.
  const byNumber = disksHolding(devices, sysroot.device);
  const disks = byNumber.length > 0 ? byNumber : disksHolding(devices, sysroot.source);
  const ofDisks = disks.flatMap(listEspPartitions);
  const isStartedFrom = ({ partuuid }: BlockDevice): boolean =>
    startedFrom !== undefined && partuuid?.toLowerCase() === startedFrom;
  const esp = ofDisks.find(isStartedFrom) ?? ofDisks[0] ?? devices.flatMap(listEspPartitions).find(isStartedFrom);
  if (esp !== undefined) return esp;
  const looked =
    disks.length === 0 ? `no disk holds ${sysroot.source}` : `none on ${disks.map((d) => d.path).join(', ')}`;
  throw new CodedError('ESP_NOT_FOUND', `no EFI system partition (ESP) found: ${looked}`, {
    hint: 'the ESP is a partition of type c12a7328-f81f-11d2-ba4b-00a0c93ec93b; look with lsblk -o +PARTTYPE',
  });
}

/**
 * Mounts the EFI system partition of the running system where nobody else sees it and returns its folder. This process
 * must be in a private mount namespace; the mount goes away with it.
 *
 * The kernel refuses to mount one device both read-only and read-write, so a mount that is there is made writable first
 * when `access` is `write`, and taken over as it is when it is `read`.
 *
 * @param startedFrom as {@link espOfSysroot} takes it.
 * @throws CodedError `ESP_NOT_FOUND`; CommandError of lsblk or mount.
 */
export async function mountEsp(
  mounts: readonly Mount[],
  access: 'read' | 'write',
  startedFrom?: string,
): Promise<string> {
  const sysroot = mountAt(mounts, '/sysroot');
  if (sysroot === undefined) {
    throw new CodedError('SYSROOT_NOT_MOUNTED', '/sysroot is not a mount point', {
      hint: 'the initramfs mounts the physical root there; see journalctl -b -u bootc-root-setup.service',
    });
  }
  const esp = espOfSysroot(await listBlockDevices(), sysroot, startedFrom);
  await mkdir(espMountPoint, { recursive: true });
  const present = mounts.find((mount) => mount.device === esp['maj:min'] && mount.rootInFilesystem === '/');
  if (present !== undefined && access === 'read') {
    await mount(['--bind', present.mountPoint, espMountPoint]);
    return espMountPoint;
  }
  if (present !== undefined) await mount(['-o', 'remount,rw', present.mountPoint]);
  try {
    await mount(['-t', 'vfat', '-o', espOptions, esp.path, espMountPoint]);
  } catch (error) {
    // Another namespace may hold it read-only, or the device may be write-protected: good enough for reading.
    if (access === 'write' || !(error instanceof CommandError)) throw error;
    await mount(['-t', 'vfat', '-o', `ro,${espOptions}`, esp.path, espMountPoint]);
  }
  return espMountPoint;
}

/**
 * Mounts it as {@link mountEsp} for reading, for whoever tells what there is: what goes wrong is told, too, and the folder is empty or
 * missing then.
 */
export async function mountEspIfPossible(
  mounts: readonly Mount[],
  startedFrom?: string,
): Promise<{ directory: string; problems: readonly string[] }> {
  try {
    return { directory: await mountEsp(mounts, 'read', startedFrom), problems: [] };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const [what, ...more] = error.message.split('\n').map((line) => line.trim());
    // Of a command that failed, what it printed.
    const output = more.filter((line) => line.startsWith('| ')).map((line) => line.slice(2));
    return { directory: espMountPoint, problems: [[what, ...output].join(': ')] };
  }
}

async function mount(args: readonly string[]): Promise<void> {
  await run(['mount', ...args], { step: 'mount the EFI system partition', timeoutMs: 60_000 });
}
