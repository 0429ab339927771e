import { CodedError, run } from '@workbench/run';
import { listBlockDevices } from './block-devices.ts';

/**
 * Prints a block device and what is on it as JSON.
 *
 * @throws CodedError `DEVICE_NOT_FOUND`.
 */
export async function printBlockDevice(path: string): Promise<void> {
  const [device] = await listBlockDevices(path);
  if (device === undefined) {
    throw new CodedError('DEVICE_NOT_FOUND', `lsblk knows no block device ${path}`, {
      hint: 'lsblk --paths lists them',
    });
  }
  process.stdout.write(`${JSON.stringify(device, null, 2)}\n`);
}

/** Prints the block device that the file system at this path is on. */
export async function printDeviceOfFilesystem(path: string): Promise<void> {
  const argv = [
    'findmnt',
    '--noheadings',
    '--nofsroot',
    '--first-only',
    '--output',
    'SOURCE',
    '--target',
    path,
  ] as const;
  const { stdout } = await run(argv, { step: `find the device of ${path}`, timeoutMs: 30_000 });
  await printBlockDevice(stdout.trim());
}
