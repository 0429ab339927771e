import { expect, test } from 'vitest';
import {
  formatSfdiskScript,
  partitionDevice,
  planPartitions,
  rootBytesOnDisk,
  sfdiskCommand,
} from './partition-table.ts';

const diskId = '0f0e0d0c-0b0a-4908-8706-050403020100';

test('the table of an x86_64 disk', () => {
  expect(formatSfdiskScript(planPartitions('x86_64'), diskId)).toBe(`label: gpt
label-id: ${diskId}

size=1MiB, bootable, type=21686148-6449-6e6f-744e-656564454649, name="BIOS-BOOT"
size=1024MiB, type=c12a7328-f81f-11d2-ba4b-00a0c93ec93b, name="EFI-SYSTEM"
type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709, name="root"
`);
});

test('the table of an aarch64 disk with a fixed root size', () => {
  expect(formatSfdiskScript(planPartitions('aarch64', 5120), diskId)).toBe(`label: gpt
label-id: ${diskId}

size=1024MiB, type=c12a7328-f81f-11d2-ba4b-00a0c93ec93b, name="EFI-SYSTEM"
size=5120MiB, type=b921b045-1df0-41c3-af44-4c6f280d3fae, name="root"
`);
});

test('old signatures are removed', () => {
  expect(sfdiskCommand('/dev/vdb')).toEqual(['sfdisk', '--wipe=always', '--wipe-partitions=always', '/dev/vdb']);
});

test('an architecture without a discoverable root type is refused', () => {
  expect(() => planPartitions('m68k')).toThrow('a disk for m68k cannot be partitioned');
});

test('root gets what the boot partitions leave', () => {
  const mebibyte = 1024 * 1024;
  const disk = { path: '/dev/vdb', sizeBytes: 4096 * mebibyte };
  expect(rootBytesOnDisk(planPartitions('x86_64'), disk)).toBe((4096 - 1 - 1024 - 2) * mebibyte);
  expect(rootBytesOnDisk(planPartitions('x86_64', 2048), disk)).toBe(2048 * mebibyte);
  expect(() => rootBytesOnDisk(planPartitions('x86_64', 4096), disk)).toThrow(
    '/dev/vdb is too small: needs 5123 MiB, have 4096 MiB',
  );
  expect(() => rootBytesOnDisk(planPartitions('x86_64'), { path: 'd', sizeBytes: mebibyte })).toThrow(
    'd is too small: needs 1283 MiB, have 1 MiB',
  );
});

test('partitions of a disk whose name ends in a digit have a p', () => {
  expect(partitionDevice('/dev/vda', 3)).toBe('/dev/vda3');
  expect(partitionDevice('/dev/nvme0n1', 3)).toBe('/dev/nvme0n1p3');
  expect(partitionDevice('/dev/loop0', 2)).toBe('/dev/loop0p2');
});
