import { statfs } from 'node:fs/promises';
import { CodedError } from '@workbench/run';

/** Room that something is going to take on a file system. */
export interface SpaceNeed {
  /** Any path on the file system. */
  path: string;
  /** What the file system is to a person: `/sysroot`, `the EFI system partition`. */
  name: string;
  neededBytes: number;
  /** Of what is there, so much can be removed once the space is needed. Default: nothing. */
  reclaimableBytes?: number;
  /** The image that needs it. */
  image: string;
}

/** Bytes that may still be written to the file system of a path. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/**
 * Makes sure that there is room, before anything is written.
 *
 * @param reclaim frees what nothing needs; called only when there is not enough room, which is looked at again then.
 * @throws CodedError `INSUFFICIENT_SPACE`.
 */
export async function assertFreeSpace(
  need: SpaceNeed,
  reclaim: () => Promise<void> = async () => undefined,
): Promise<void> {
  const availableBytes = async (): Promise<number> => (await freeBytes(need.path)) + (need.reclaimableBytes ?? 0);
  if ((await availableBytes()) >= need.neededBytes) return;
  await reclaim();
  const available = await availableBytes();
  if (available >= need.neededBytes) return;
  throw new CodedError(
    'INSUFFICIENT_SPACE',
    `Insufficient free space for ${need.image}: needs ${formatBytes(need.neededBytes)} on ${need.name}, ` +
      `have ${formatBytes(available)} (available: ${available} required: ${need.neededBytes})`,
    { hint: `free at least ${formatBytes(need.neededBytes - available)} there; bootc delete-deployment removes one` },
  );
}

/** A number of bytes for a person: `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const power = Math.max(0, Math.min(units.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10)));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}
