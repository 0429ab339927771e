import { closeSync, constants, openSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { CodedError, run } from '@workbench/run';
import { z } from 'zod';

/** A block device and what is on it, as lsblk(8) sees it. */
export interface BlockDevice {
  path: string;
  sizeBytes: number;
  type: string;
  isReadOnly: boolean;
  model?: string;
  serial?: string;
  mountPoints: readonly string[];
  children: readonly BlockDevice[];
}

interface LsblkDevice {
  path: string;
  size: number;
  type: string;
  ro: boolean;
  model?: string | null | undefined;
  serial?: string | null | undefined;
  mountpoints: (string | null)[];
  children?: LsblkDevice[] | undefined;
}

const lsblkDevice: z.ZodType<LsblkDevice> = z.lazy(() =>
  z.object({
    path: z.string(),
    size: z.number(),
    type: z.string(),
    ro: z.boolean(),
    model: z.string().nullish(),
    serial: z.string().nullish(),
    mountpoints: z.array(z.string().nullable()),
    children: z.array(lsblkDevice).optional(),
  }),
);
const lsblkOutput = z.object({ blockdevices: z.array(lsblkDevice) });

/** The command that looks at one device. Without the column NAME, lsblk prints partitions beside their disk, not in it. */
export function lsblkCommand(path: string): [string, ...string[]] {
  return ['lsblk', '--json', '--bytes', '--output', 'NAME,PATH,SIZE,TYPE,RO,MODEL,SERIAL,MOUNTPOINTS', path];
}

/** Reads what {@link lsblkCommand} printed. */
export function parseLsblk(json: string): BlockDevice {
  const [device, ...others] = lsblkOutput.parse(JSON.parse(json)).blockdevices;
  // Partitions that were overlooked would be overwritten.
  if (device === undefined || others.length > 0)
    throw new Error('lsblk did not print one device with all that is on it');
  return toBlockDevice(device);
}

function toBlockDevice(device: LsblkDevice): BlockDevice {
  const model = device.model?.trim();
  const serial = device.serial?.trim();
  return {
    path: device.path,
    sizeBytes: device.size,
    type: device.type,
    isReadOnly: device.ro,
    ...(model === undefined || model === '' ? {} : { model }),
    ...(serial === undefined || serial === '' ? {} : { serial }),
    mountPoints: device.mountpoints.filter((path) => path !== null),
    children: (device.children ?? []).map(toBlockDevice),
  };
}

/**
 * Looks at a block device by any of its names.
 *
 * @throws CodedError `DEVICE_NOT_FOUND` or `NOT_A_BLOCK_DEVICE`.
 */
export async function inspectBlockDevice(name: string, signal?: AbortSignal): Promise<BlockDevice> {
  const path = await realpath(name).catch((cause: unknown) => {
    throw new CodedError('DEVICE_NOT_FOUND', `${name} is not there`, { hint: 'lsblk shows the disks', cause });
  });
  if (!(await stat(path)).isBlockDevice()) {
    throw new CodedError('NOT_A_BLOCK_DEVICE', `${name} is not a block device`, {
      hint: 'give a whole disk, or set --via-loopback to install into a file',
    });
  }
  const { stdout } = await run(lsblkCommand(path), {
    step: `look at ${name}`,
    ...(signal === undefined ? {} : { signal }),
  });
  return parseLsblk(stdout);
}

/**
 * Refuses a disk that must not be overwritten.
 *
 * @throws CodedError `DEVICE_READ_ONLY`, `DEVICE_IN_USE` when something on it is mounted, `DEVICE_HAS_PARTITIONS` when there
 * are partitions and `wipe` is not set.
 */
export function assertOverwritable(device: BlockDevice, options: { wipe: boolean }): void {
  if (device.isReadOnly) {
    throw new CodedError('DEVICE_READ_ONLY', `${device.path} is read-only`, { hint: 'choose another disk' });
  }
  const mounted = withDescendants(device).flatMap(({ path, mountPoints }) =>
    mountPoints.map((mountPoint) => `${path} on ${mountPoint}`),
  );
  if (mounted.length > 0) {
    throw new CodedError('DEVICE_IN_USE', `${device.path} is in use: ${mounted.join(', ')}`, {
      hint: 'unmount it (swapoff for swap), or choose another disk',
    });
  }
  if (device.children.length > 0 && !options.wipe) {
    const children = device.children.map(({ path }) => path).join(', ');
    throw new CodedError('DEVICE_HAS_PARTITIONS', `Detected existing partitions on ${device.path}: ${children}`, {
      hint: 'set --wipe to destroy what is on the disk',
    });
  }
}

/**
 * Makes sure that nobody holds the disk, which also finds what is not mounted here: other mount namespaces, RAID, LVM.
 *
 * @throws CodedError `DEVICE_IN_USE`.
 */
export function assertUnheld(device: string): void {
  try {
    closeSync(openSync(device, constants.O_RDONLY | constants.O_EXCL));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EBUSY') throw cause;
    throw new CodedError('DEVICE_IN_USE', `${device} is in use by a mount elsewhere, or as part of RAID, LVM or swap`, {
      hint: 'release it first, or choose another disk',
      cause,
    });
  }
}

/** The commands that remove all signatures, of partitions before that of the disk. */
export function wipeCommands(device: BlockDevice): [string, ...string[]][] {
  return [...device.children.map(({ path }) => path), device.path].map((path) => ['wipefs', '-a', path]);
}

/**
 * Waits until the device nodes of new partitions are there.
 *
 * @throws CodedError `PARTITIONS_MISSING` after ten seconds.
 */
export async function waitForPartitions(paths: readonly string[], signal?: AbortSignal): Promise<void> {
  const abort = signal === undefined ? {} : { signal };
  // Without udev, or in a container, devtmpfs makes the nodes.
  await run(['udevadm', 'settle', '--timeout=30'], { step: 'wait for udev', timeoutMs: 40_000, ...abort }).catch(
    (error: unknown) => {
      if (signal?.aborted === true) throw error;
    },
  );
  const deadline = performance.now() + 10_000;
  let missing = [...paths];
  for (;;) {
    const present = await Promise.all(missing.map((path) => isBlockDevice(path)));
    missing = missing.filter((_, index) => !present[index]);
    if (missing.length === 0) return;
    if (performance.now() > deadline) {
      throw new CodedError('PARTITIONS_MISSING', `no device node for the new partitions: ${missing.join(', ')}`, {
        hint: 'is /dev the devtmpfs of this kernel? In a container, mount the host’s /dev',
      });
    }
    await delay(20, undefined, abort);
  }
}

async function isBlockDevice(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isBlockDevice() ?? false;
}

function withDescendants(device: BlockDevice): BlockDevice[] {
  return [device, ...device.children.flatMap(withDescendants)];
}
