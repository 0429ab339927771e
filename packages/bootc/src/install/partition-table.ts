import { CodedError } from '@workbench/run';

/** What a partition of the installed disk is for. */
export type PartitionRole = 'bios-boot' | 'esp' | 'root';

/** One partition of the table, in the order of the disk. */
export interface PlannedPartition {
  role: PartitionRole;
  /** GPT type, a UUID as the Discoverable Partitions Specification or the UEFI specification gives it. */
  type: string;
  /** GPT name; `/dev/disk/by-partlabel` shows it. */
  name: string;
  /** Absent: the rest of the disk. */
  sizeMiB?: number;
  /** sfdisk's `bootable`, for BIOS firmware that looks for it; versions differ in whether they heed it with GPT. */
  isBootable?: boolean;
}

/** The size of the EFI system partition: room for three generations of kernel and initrd, or of unified kernel images. */
export const espSizeMiB = 1024;

/** Alignment at the start and the backup table at the end. */
const tableOverheadMiB = 2;

/** Below this an ext4 root with its journal has no room for any operating system worth booting. */
const smallestRootMiB = 256;

const biosBootType = '21686148-6449-6e6f-744e-656564454649';
const espType = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';

/** Root partition types of the Discoverable Partitions Specification, by the name configuration files use. */
const rootTypes: Readonly<Record<string, string>> = {
  x86_64: '4f68bce3-e8cd-4db1-96e7-fbcaf984b709',
  aarch64: 'b921b045-1df0-41c3-af44-4c6f280d3fae',
};

/**
 * The partitions of a disk that systemd-boot starts: on x86_64 first one for a later BIOS grub, then the EFI system
 * partition, then root to the end of the disk or of `rootSizeMiB`.
 *
 * @throws CodedError `ARCHITECTURE_UNSUPPORTED` for an architecture without a discoverable root type here.
 */
export function planPartitions(architecture: string, rootSizeMiB?: number): PlannedPartition[] {
  const rootType = rootTypes[architecture];
  if (rootType === undefined) {
    throw new CodedError('ARCHITECTURE_UNSUPPORTED', `a disk for ${architecture} cannot be partitioned`, {
      hint: `supported are ${Object.keys(rootTypes).join(', ')}`,
    });
  }
  const biosBoot: PlannedPartition = {
    role: 'bios-boot',
    type: biosBootType,
    name: 'BIOS-BOOT',
    sizeMiB: 1,
    isBootable: true,
  };
  return [
    ...(architecture === 'x86_64' ? [biosBoot] : []),
    { role: 'esp', type: espType, name: 'EFI-SYSTEM', sizeMiB: espSizeMiB },
    { role: 'root', type: rootType, name: 'root', ...(rootSizeMiB === undefined ? {} : { sizeMiB: rootSizeMiB }) },
  ];
}

/** The script that makes sfdisk(8) write this table. `diskId` is the GUID of the disk. */
export function formatSfdiskScript(partitions: readonly PlannedPartition[], diskId: string): string {
  const lines = partitions.map((partition) =>
    [
      ...(partition.sizeMiB === undefined ? [] : [`size=${partition.sizeMiB}MiB`]),
      ...(partition.isBootable === true ? ['bootable'] : []),
      `type=${partition.type}`,
      `name="${partition.name}"`,
    ].join(', '),
  );
  return ['label: gpt', `label-id: ${diskId}`, '', ...lines, ''].join('\n');
}

/** The command that writes a table from a script on standard input, and removes every older signature it covers. */
export function sfdiskCommand(device: string): [string, ...string[]] {
  return ['sfdisk', '--wipe=always', '--wipe-partitions=always', device];
}

/**
 * The bytes that root gets on a disk of this size.
 *
 * @throws CodedError `DISK_TOO_SMALL` saying what the table needs, when that is not enough for the smallest root or for the
 * root size asked for.
 */
export function rootBytesOnDisk(
  partitions: readonly PlannedPartition[],
  disk: { path: string; sizeBytes: number },
): number {
  const mebibyte = 1024 * 1024;
  const root = partitions.find((partition) => partition.role === 'root');
  const others = partitions.filter((partition) => partition.role !== 'root');
  const takenMiB = others.reduce((sum, partition) => sum + (partition.sizeMiB ?? 0), tableOverheadMiB);
  const neededMiB = takenMiB + (root?.sizeMiB ?? smallestRootMiB);
  const haveMiB = Math.floor(disk.sizeBytes / mebibyte);
  if (haveMiB < neededMiB) {
    throw new CodedError('DISK_TOO_SMALL', `${disk.path} is too small: needs ${neededMiB} MiB, have ${haveMiB} MiB`, {
      hint:
        root?.sizeMiB === undefined
          ? `${takenMiB} MiB of it are for the boot partitions; use a larger disk`
          : 'use a larger disk or a smaller --root-size',
    });
  }
  return (root?.sizeMiB ?? haveMiB - takenMiB) * mebibyte;
}

/** The device of partition `number` (from 1) of a disk, as the kernel names it: `vda3`, `nvme0n1p3`, `loop0p3`. */
export function partitionDevice(disk: string, number: number): string {
  return /[0-9]$/.test(disk) ? `${disk}p${number}` : `${disk}${number}`;
}
