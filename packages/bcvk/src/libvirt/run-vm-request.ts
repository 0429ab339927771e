import type { InstallOptions } from '../to-disk/install-options.ts';
import type { PortMapping } from './ports.ts';
import type { HostFolder, LogFiles } from './run-options.ts';

/** Everything `libvirt run` was asked for. */
export interface RunVmRequest {
  image: string;
  name: string | undefined;
  replace: boolean;
  connect: string | undefined;
  install: InstallOptions;
  storagePath: string | undefined;
  virtiofsd: string | undefined;
  memoryMiB: number;
  cpus: number;
  diskBytes: number;
  ports: readonly PortMapping[];
  volumes: readonly HostFolder[];
  binds: readonly HostFolder[];
  readOnlyBinds: readonly HostFolder[];
  bindStorage: boolean;
  firmware: 'uefi-secure' | 'uefi-insecure' | 'bios';
  secureBootKeys: string | undefined;
  hasTpm: boolean;
  firmwareLog: boolean;
  graphicalConsole: boolean;
  labels: readonly string[];
  transient: boolean;
  logs: LogFiles;
  instanceType: string | undefined;
  waitForSsh: boolean;
  /** Start from the snapshot of an equal VM; where there is none, one may be taken once this VM has booted. */
  snapshot: boolean;
  /** A program that is run with the new disk, a qcow2 file, before the VM first starts. */
  diskEditor: string | undefined;
}
