import { consoleLogName, firmwareLogName } from './console-follower.ts';

/** The VM to make. */
export interface LaunchWishes {
  name: string;
  image: string;
  /** One of them, at least, is that of this launch or run alone: by them its VM is told from an older one of the same name. */
  labels: readonly string[];
  /** Options of `bcvk libvirt run` for cell, firmware, kernel arguments and resources. */
  bcvkOptions: readonly string[];
  /** Shares the container storage of this machine with the guest, read-only. */
  bindStorage: boolean;
  /** Starts from the snapshot of an equal VM where this bcvk can; the first one of its kind is to give one. */
  snapshot: boolean;
  /** Absolute path of the folder for console and journal logs. */
  logFolder: string;
}

/** The options that not every bcvk has: for logs, and for snapshots, which are the bundled one's alone. */
export interface BcvkSupport {
  logDir: boolean;
  consoleLog: boolean;
  snapshot: boolean;
}

/** Reads from `bcvk libvirt run --help` which of these options there are. */
export function bcvkSupportOf(help: string): BcvkSupport {
  return {
    logDir: /^\s*--log-dir\b/m.test(help),
    consoleLog: /^\s*--console-log\b/m.test(help) && /^\s*--platform-console-log\b/m.test(help),
    snapshot: /^\s*--snapshot\b/m.test(help),
  };
}

/** The arguments of bcvk that make the VM and return once it was started, in the syntax of bcvk 0.18. Pure. */
export function launchArguments(wishes: LaunchWishes, support: BcvkSupport): string[] {
  return [
    'libvirt',
    'run',
    `--name=${wishes.name}`,
    '--detach',
    ...wishes.labels.map((label) => `--label=${label}`),
    ...wishes.bcvkOptions,
    ...(wishes.bindStorage ? ['--bind-storage-ro'] : []),
    ...(wishes.snapshot && support.snapshot ? ['--snapshot'] : []),
    ...logOptions(wishes.logFolder, support),
    wishes.image,
  ];
}

function logOptions(folder: string, support: BcvkSupport): string[] {
  if (!support.consoleLog) return support.logDir ? [`--log-dir=journal,console=${folder}`] : [];
  return [
    ...(support.logDir ? [`--log-dir=journal=${folder}`] : []),
    `--console-log=${folder}/${consoleLogName}`,
    `--platform-console-log=${folder}/${firmwareLogName}`,
  ];
}
