import { resolve } from 'node:path';
import type { Options } from 'yargs';
import { stripTransport } from '../images/podman.ts';
import { parsePortMapping } from '../libvirt/ports.ts';
import { parseHostFolder, parseLogDir } from '../libvirt/run-options.ts';
import type { RunVmRequest } from '../libvirt/run-vm-request.ts';
import { parseDiskSize, parseMemoryMiB } from '../sizes/sizes.ts';
import { installOptionTable, instanceTypes, machineOptionTable, readInstallOptions } from './shared-options.ts';
import { flagOf, listOf, numberOf, type Parsed, stringOf, usageError } from './strict-yargs.ts';

const text = (describe: string, more: Options = {}): Options => ({
  type: 'string',
  requiresArg: true,
  describe,
  ...more,
});
const flag = (describe: string, more: Options = {}): Options => ({ type: 'boolean', describe, ...more });

/** The options of `libvirt run`, with real bcvk's names. */
export const libvirtRunOptionTable: Record<string, Options> = {
  name: text('Name of the VM (default: made from the image)'),
  replace: flag('Remove a VM of the same name first', { alias: 'R' }),
  ...machineOptionTable,
  cpus: text('Virtual processors', { default: '2' }),
  'disk-size': text('Disk size: 20G, 10240M, or bytes', { default: '20G' }),
  ...installOptionTable,
  port: text('Forward a port, HOST:GUEST (may be repeated)', { alias: 'p', array: true }),
  volume: text('Share a folder, HOST:TAG, not mounted (may be repeated)', { alias: 'v', array: true }),
  bind: text('Share a folder and mount it, HOST:GUEST (may be repeated)', { array: true }),
  'bind-ro': text('As --bind, read-only (may be repeated)', { array: true }),
  network: text('Network of the VM; only: user', { default: 'user', choices: ['user'] }),
  detach: flag('Keep the VM running in the background (it always does)'),
  ssh: flag('Log in when the VM is up'),
  'ssh-wait': flag('Wait until a login works, then return'),
  'bind-storage-ro': flag("Mount the host's container storage read-only at /run/host-container-storage"),
  'update-from-host': flag("As --bind-storage-ro, and update from the host's container storage"),
  firmware: text('Firmware', { default: 'uefi-secure', choices: ['uefi-secure', 'uefi-insecure', 'bios'] }),
  'disable-tpm': flag('No TPM 2.0'),
  'firmware-log': flag("Have the firmware's debug output on a serial port of its own"),
  'secure-boot-keys': text('Folder of Secure Boot keys to enrol (PK.crt, KEK.crt, db.crt, GUID.txt)'),
  'graphical-console': flag('Add a SPICE console'),
  transient: flag('A VM that is gone when it stops'),
  'console-log': text('Log the OS console (hvc0) to this file'),
  'disk-editor': text('Run this program with the new disk of the VM, a qcow2 file, before it first starts'),
  snapshot: flag('Start from the snapshot of an equal VM, or have one taken of this one (libvirt take-snapshot)'),
  'platform-console-log': text('Log the console of firmware and boot loader (ttyS0) to this file'),
};

/** `libvirt run` as it was asked for. */
export interface LibvirtRunCommand {
  request: RunVmRequest;
  /** A login shell is wanted at the end. */
  login: boolean;
}

/**
 * Reads the arguments of `libvirt run`.
 *
 * @throws CodedError with exit code 2
 */
export function readLibvirtRun(parsed: Parsed, env: NodeJS.ProcessEnv): LibvirtRunCommand {
  refuseTogether(parsed, 'ssh', 'ssh-wait');
  refuseTogether(parsed, 'update-from-host', 'target-transport');
  const fromHost = flagOf(parsed, 'update-from-host');
  const install = readInstallOptions(parsed);
  const machine = readMachine(parsed);
  const logs = parseLogDir(stringOf(parsed, 'log-dir'));
  return {
    login: flagOf(parsed, 'ssh'),
    request: {
      image: stripTransport(String(parsed.image)),
      name: stringOf(parsed, 'name'),
      replace: flagOf(parsed, 'replace'),
      connect: stringOf(parsed, 'connect'),
      install: { ...install, targetTransport: fromHost ? 'containers-storage' : install.targetTransport },
      storagePath: pathOf(parsed, 'storage-path'),
      virtiofsd: stringOf(parsed, 'virtiofsd') ?? env.VIRTIOFSD_BIN,
      ...machine,
      diskBytes: parseDiskSize(stringOf(parsed, 'disk-size')!),
      ports: listOf(parsed, 'port').map(parsePortMapping),
      volumes: listOf(parsed, 'volume').map((value) => parseHostFolder(value, 'volume')),
      binds: listOf(parsed, 'bind').map((value) => parseHostFolder(value, 'bind')),
      readOnlyBinds: listOf(parsed, 'bind-ro').map((value) => parseHostFolder(value, 'bind')),
      bindStorage: flagOf(parsed, 'bind-storage-ro') || fromHost,
      firmware: stringOf(parsed, 'firmware') as RunVmRequest['firmware'],
      secureBootKeys: stringOf(parsed, 'secure-boot-keys'),
      hasTpm: !flagOf(parsed, 'disable-tpm'),
      firmwareLog: flagOf(parsed, 'firmware-log'),
      graphicalConsole: flagOf(parsed, 'graphical-console'),
      labels: listOf(parsed, 'label'),
      transient: flagOf(parsed, 'transient'),
      logs: {
        ...logs,
        console: logs.console ?? pathOf(parsed, 'console-log'),
        platformConsole: pathOf(parsed, 'platform-console-log') ?? logs.platformConsole,
      },
      diskEditor: stringOf(parsed, 'disk-editor'),
      snapshot: flagOf(parsed, 'snapshot'),
      waitForSsh: flagOf(parsed, 'ssh') || flagOf(parsed, 'ssh-wait'),
    },
  };
}

/** A path, absolute: libvirt, and what it starts, work elsewhere. */
function pathOf(parsed: Parsed, name: string): string | undefined {
  const path = stringOf(parsed, name);
  return path === undefined ? undefined : resolve(path);
}

function readMachine(parsed: Parsed): Pick<RunVmRequest, 'memoryMiB' | 'cpus' | 'instanceType'> {
  const instanceType = stringOf(parsed, 'itype');
  if (instanceType === undefined) {
    const memoryMiB = parseMemoryMiB(stringOf(parsed, 'memory')!);
    return { memoryMiB, cpus: numberOf(parsed, 'cpus')!, instanceType };
  }
  const size = instanceTypes[instanceType];
  if (size === undefined) {
    throw usageError(`there is no instance type '${instanceType}': ${Object.keys(instanceTypes).join(', ')}`);
  }
  return { ...size, instanceType };
}

function refuseTogether(parsed: Parsed, one: string, other: string): void {
  if (parsed[one] !== undefined && parsed[other] !== undefined) {
    throw usageError(`--${one} cannot be used with --${other}`);
  }
}
