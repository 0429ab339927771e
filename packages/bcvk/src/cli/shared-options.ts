import type { Options } from 'yargs';
import { checkInstallOptions, type InstallOptions } from '../to-disk/install-options.ts';
import { flagOf, listOf, type Parsed, stringOf } from './strict-yargs.ts';

const text = (describe: string, more: Options = {}): Options => ({
  type: 'string',
  requiresArg: true,
  describe,
  ...more,
});
const flag = (describe: string): Options => ({ type: 'boolean', describe });

/** `-c`, which each verb below `libvirt` takes. */
export const connectOption = { connect: text('Hypervisor connection URI (qemu:///system)', { alias: 'c' }) };

/** What goes through to `bootc install to-disk`, and where images come from. */
export const installOptionTable: Record<string, Options> = {
  filesystem: text('Root file system: ext4, xfs, btrfs'),
  'root-size': text('Size of the root file system: 10G, 5120M'),
  'storage-path': text("Folder of the host's container storage (default: podman's)"),
  'target-transport': text('Transport of later updates: registry, oci, containers-storage'),
  karg: text('Add a kernel argument (may be repeated)', { array: true }),
  'composefs-backend': flag('Store the system with composefs'),
  bootloader: text('Boot loader of the composefs backend: systemd, grub'),
  'allow-missing-fsverity': flag('With composefs, accept file systems without fs-verity'),
};

/** Reads {@link installOptionTable}. */
export function readInstallOptions(parsed: Parsed): InstallOptions {
  const options: InstallOptions = {
    filesystem: stringOf(parsed, 'filesystem'),
    rootSize: stringOf(parsed, 'root-size'),
    targetTransport: stringOf(parsed, 'target-transport'),
    kernelArguments: listOf(parsed, 'karg'),
    composefsBackend: flagOf(parsed, 'composefs-backend'),
    bootloader: stringOf(parsed, 'bootloader'),
    allowMissingFsverity: flagOf(parsed, 'allow-missing-fsverity'),
  };
  checkInstallOptions(options);
  return options;
}

/** Size, programs and logs of a machine. */
export const machineOptionTable: Record<string, Options> = {
  itype: text('Instance type: u1.nano, u1.small, … (instead of processors and memory)'),
  memory: text('Memory: 4G, 2048M, or a number of MiB', { default: '4G' }),
  'log-dir': text('Write streams to files: journal,console=/FOLDER'),
  label: text('Label of the machine (may be repeated)', { array: true }),
  virtiofsd: text('The virtiofsd program (also: VIRTIOFSD_BIN)'),
};

/** Processors and memory of KubeVirt's U series of instance types (kubevirt/common-instancetypes, u/1/sizes.yaml). */
export const instanceTypes: Readonly<Record<string, { cpus: number; memoryMiB: number }>> = {
  'u1.nano': { cpus: 1, memoryMiB: 512 },
  'u1.micro': { cpus: 1, memoryMiB: 1024 },
  'u1.small': { cpus: 1, memoryMiB: 2048 },
  'u1.medium': { cpus: 1, memoryMiB: 4096 },
  'u1.2xmedium': { cpus: 2, memoryMiB: 4096 },
  'u1.large': { cpus: 2, memoryMiB: 8192 },
  'u1.xlarge': { cpus: 4, memoryMiB: 16384 },
  'u1.2xlarge': { cpus: 8, memoryMiB: 32768 },
  'u1.4xlarge': { cpus: 16, memoryMiB: 65536 },
  'u1.8xlarge': { cpus: 32, memoryMiB: 131072 },
};
