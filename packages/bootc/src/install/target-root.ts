import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, run } from '@workbench/run';
import { listBlockDevices } from '../storage/block-devices.ts';
import { espOfSysroot } from '../storage/esp.ts';
import { type Mount, mountAt, readMountTable } from '../storage/mount-table.ts';
import { pathExists } from '../storage/optional-file.ts';
import { type RootFilesystem, rootFilesystems } from './configuration-schema.ts';

/** A root file system that somebody has mounted for an installation. */
export interface TargetRoot {
  /** Where it is mounted, without symbolic links. */
  path: string;
  /** Where the system is put: the root itself, or `sysroot` in it where a bootc system is installed already. */
  physicalRoot: string;
  mount: Mount;
  filesystem: RootFilesystem;
  /** Of the file system. */
  uuid: string;
  /** Of btrfs: the subvolume that is mounted, unless it is the topmost. */
  subvolume?: string;
  /** It is the root of the running system. */
  isHostRoot: boolean;
  mounts: readonly Mount[];
}

/** Folders where an EFI system partition is mounted in a root, in the order in which they are looked at. */
const espFolders = ['boot/efi', 'efi', 'boot'];

/**
 * Looks at a mounted root.
 *
 * @throws CodedError `NOT_A_DIRECTORY`, `NOT_A_MOUNT_POINT`, `ROOT_FILESYSTEM_UNSUPPORTED`; CommandError of blkid.
 */
export async function inspectTargetRoot(path: string): Promise<TargetRoot> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw new CodedError('NOT_A_DIRECTORY', `Not a directory: ${path}`, { hint: 'mount the root to install to there' });
  }
  const real = await realpath(path);
  const mounts = await readMountTable('/');
  if (mountAt(mounts, real) === undefined) {
    throw new CodedError('NOT_A_MOUNT_POINT', `Not a mountpoint: ${path}`, {
      hint: 'mount the root to install to there; in a container hand it over with -v /:/target',
    });
  }
  const isInstalled = await Promise.all(['ostree', 'composefs'].map((name) => pathExists(join(real, 'sysroot', name))));
  const physicalRoot = isInstalled.includes(true) ? join(real, 'sysroot') : real;
  const mount = mountAt(mounts, physicalRoot) ?? mountAt(mounts, real)!;
  const filesystem = rootFilesystems.find((name) => name === mount.filesystem);
  if (filesystem === undefined) {
    throw new CodedError('ROOT_FILESYSTEM_UNSUPPORTED', `the root at ${physicalRoot} is ${mount.filesystem}`, {
      hint: `supported are ${rootFilesystems.join(', ')}`,
    });
  }
  const isSubvolume = filesystem === 'btrfs' && mount.rootInFilesystem !== '/';
  return {
    path: real,
    physicalRoot,
    mount,
    filesystem,
    uuid: await uuidOfDevice(mount.source),
    ...(isSubvolume ? { subvolume: mount.rootInFilesystem } : {}),
    isHostRoot: await isSameFolder(real, '/proc/1/root/'),
    mounts,
  };
}

async function isSameFolder(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(one), stat(other).catch(() => undefined)]);
  return a.dev === b?.dev && a.ino === b.ino;
}

/** UUID of the file system on a device, from the device itself, since a container may have no udev. */
export async function uuidOfDevice(device: string): Promise<string> {
  const argv = ['blkid', '-p', '-s', 'UUID', '-o', 'value', device] as const;
  const { stdout } = await run(argv, { step: `read the UUID of ${device}`, timeoutMs: 60_000 });
  const uuid = stdout.trim();
  if (uuid !== '') return uuid;
  throw new CodedError('FILESYSTEM_WITHOUT_UUID', `the file system on ${device} has no UUID`, {
    hint: 'make it with the usual mkfs, or tell how root is found with --root-mount-spec',
  });
}

/** The EFI system partition of an installation: mounted already, or a device that has it. */
export type TargetEsp = { kind: 'mounted'; path: string } | { kind: 'device'; device: string };

/**
 * The EFI system partition for a root: what is mounted for it in the root, else the one of the disks that the root is on.
 *
 * @throws CodedError `ESP_NOT_FOUND`.
 */
export async function findTargetEsp(root: TargetRoot): Promise<TargetEsp> {
  for (const folder of espFolders) {
    const path = join(root.path, folder);
    const mount = mountAt(root.mounts, path);
    if (mount?.filesystem === 'vfat' && !mount.options.includes('ro')) return { kind: 'mounted', path };
  }
  return { kind: 'device', device: espOfSysroot(await listBlockDevices(), root.mount).path };
}
