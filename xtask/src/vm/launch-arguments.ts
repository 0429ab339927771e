import { consoleLogName, firmwareLogName } from './console-follower.ts';

/** The VM to make. */
export interface LaunchWishes {
  name: string;
  image: string;
  labels: readonly string[];
  /** Options of `bcvk libvirt run` for cell, firmware, kernel arguments and resources. */
  bcvkOptions: readonly string[];
  /** Shares the container storage of this machine with the guest, read-only. */
  bindStorage: boolean;
  /** Absolute path of the folder for console and journal logs. */
  logFolder: string;
}

/** The options for logs that a bcvk has; older ones have fewer. */
export interface LogSupport {
  logDir: boolean;
  consoleLog: boolean;
}

/** Reads from `bcvk libvirt run --help` which options for logs there are. */
export function logSupportOf(help: string): LogSupport {
  return {
    logDir: /^\s*--log-dir\b/m.test(help),
    consoleLog: /^\s*--console-log\b/m.test(help) && /^\s*--platform-console-log\b/m.test(help),
  };
}

/** The arguments of bcvk that make the VM and return once it was started, in the syntax of bcvk 0.18. Pure. */
export function launchArguments(wishes: LaunchWishes, support: LogSupport): string[] {
  return [
    'libvirt',
    'run',
    `--name=${wishes.name}`,
    '--detach',
    ...wishes.labels.map((label) => `--label=${label}`),
    ...wishes.bcvkOptions,
    ...(wishes.bindStorage ? ['--bind-storage-ro'] : []),
    ...logOptions(wishes.logFolder, support),
    wishes.image,
  ];
}

function logOptions(folder: string, support: LogSupport): string[] {
  if (!support.consoleLog) return support.logDir ? [`--log-dir=journal,console=${folder}`] : [];
  return [
    ...(support.logDir ? [`--log-dir=journal=${folder}`] : []),
    `--console-log=${folder}/${consoleLogName}`,
    `--platform-console-log=${folder}/${firmwareLogName}`,
  ];
}
