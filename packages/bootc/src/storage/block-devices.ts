import { CodedError, run } from '@workbench/run';

/** A block device as `lsblk --json` shows it, with its partitions or the devices made of it. */
export interface BlockDevice {
  name: string;
  path: string;
  type: string;
  size: number | null;
  serial: string | null;
  model: string | null;
  label: string | null;
  fstype: string | null;
  uuid: string | null;
  pttype: string | null;
  partlabel: string | null;
  parttype: string | null;
  partuuid: string | null;
  start: number | null;
  'maj:min': string;
  children?: BlockDevice[];
}

const columns = [
  'NAME',
  'PATH',
  'TYPE',
  'SIZE',
  'SERIAL',
  'MODEL',
  'LABEL',
  'FSTYPE',
  'UUID',
  'PTTYPE',
  'PARTLABEL',
  'PARTTYPE',
  'PARTUUID',
  'START',
  'MAJ:MIN',
];

/**
 * Block devices as trees, each from a whole disk down: all of them, or one device and what is below it. Partition types
 * that udev does not tell (in a container without `/run/udev`) are read from the disk with blkid(8).
 *
 * @throws CommandError of lsblk or blkid.
 */
export async function listBlockDevices(device?: string): Promise<BlockDevice[]> {
  const argv = ['lsblk', '--json', '--bytes', '--output', columns.join(','), ...(device === undefined ? [] : [device])];
  const { stdout } = await run(argv as [string, ...string[]], { step: 'list block devices', timeoutMs: 30_000 });
  const devices = parseLsblk(stdout);
  await fillPartitionTypes(devices);
  return devices;
}

/**
 * Reads what lsblk printed.
 *
 * @throws CodedError `LSBLK_OUTPUT_INVALID` when it holds no `blockdevices`.
 */
export function parseLsblk(text: string): BlockDevice[] {
  const document: unknown = JSON.parse(text);
  if (typeof document === 'object' && document !== null && 'blockdevices' in document) {
    return document.blockdevices as BlockDevice[];
  }
  throw new CodedError('LSBLK_OUTPUT_INVALID', 'lsblk printed no list of block devices', {
    hint: 'lsblk of util-linux 2.37 or later is needed',
  });
}

async function fillPartitionTypes(devices: readonly BlockDevice[]): Promise<void> {
  for (const device of devices) {
    if (device.type === 'part' && device.parttype === null) {
      const { stdout } = await run(['blkid', '-p', '-s', 'PART_ENTRY_TYPE', '-o', 'value', device.path], {
        step: `read the partition type of ${device.path}`,
        timeoutMs: 30_000,
        okExitCodes: [0, 2],
      });
      if (stdout.trim() !== '') device.parttype = stdout.trim();
    }
    await fillPartitionTypes(device.children ?? []);
  }
}

/** The trees in which a device, given by path or `major:minor`, stands anywhere: the disks it lives on. */
export function disksHolding(devices: readonly BlockDevice[], device: string): BlockDevice[] {
  const holds = (candidate: BlockDevice): boolean =>
    candidate.path === device || candidate['maj:min'] === device || (candidate.children ?? []).some(holds);
  return devices.filter(holds);
}

const espPartitionTypes = ['c12a7328-f81f-11d2-ba4b-00a0c93ec93b', '0x6', '0x06', '0xef'];

/** The EFI system partitions in a tree: by the type GUID of GPT, or the type numbers 0x06 and 0xef of MBR. */
export function listEspPartitions(device: BlockDevice): BlockDevice[] {
  if (device.parttype !== null && espPartitionTypes.includes(device.parttype.toLowerCase())) return [device];
  return (device.children ?? []).flatMap(listEspPartitions);
}
