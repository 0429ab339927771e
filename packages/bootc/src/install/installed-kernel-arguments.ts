import { CodedError } from '@workbench/run';
import {
  addKernelArguments,
  type ComposefsArgument,
  composefsKey,
  formatComposefsArgument,
  isSameKernelArgument,
  parseKernelArguments,
  splitKernelArgument,
} from '../boot/kernel-arguments.ts';

/** The kernel arguments that whoever installs asks for; each text may hold several parameters. */
export interface InstalledArgumentOptions {
  /** `kargs` of the install configuration. */
  configuration: readonly string[];
  /** `--karg`. */
  commandLine: readonly string[];
  /** `karg-deletes` of the configuration and `--karg-delete`: `KEY` removes every parameter of that key, `KEY=VALUE` one. */
  deletes: readonly string[];
  /** For file systems that the installed system does not find by the types of their partitions. */
  mounts?: MountArguments;
}

/** Kernel arguments for file systems, beside `root=`. */
export interface MountArguments {
  /** After `root=`, as `rootflags=`. */
  root: readonly string[];
  /** After `rw`: `boot=`. */
  boot: readonly string[];
  /** After `composefs=`: `systemd.mount-extra=`. */
  extra: readonly string[];
}

/** Where the kernel arguments of a new installation come from. */
export interface KernelArgumentSources extends InstalledArgumentOptions {
  /** `UUID=…` of the root file system; absent where systemd-gpt-auto-generator finds root by its partition type. */
  rootSpec?: string;
  /** The image has a SELinux policy, and the installed system shall not use it. */
  isSelinuxDisabled: boolean;
  composefs: ComposefsArgument;
  /** Parameters of the image's kargs.d. */
  image: readonly string[];
}

/**
 * The kernel arguments of a new installation, in the order in which bootc has always written them: root, `rw`, those asked
 * for, `composefs=`, those of the image. What is there already is not added again; deletions come last.
 *
 * @throws CodedError `KARG_DELETE_REFUSED` for a deletion of `composefs`, without which the system does not boot.
 */
export function installedKernelArguments(sources: KernelArgumentSources): string[] {
  const { root = [], boot = [], extra = [] } = sources.mounts ?? {};
  const added = [
    ...(sources.rootSpec === undefined ? [] : [`root=${sources.rootSpec}`]),
    ...root,
    'rw',
    ...boot,
    ...sources.configuration.flatMap(parseKernelArguments),
    ...sources.commandLine.flatMap(parseKernelArguments),
    ...(sources.isSelinuxDisabled ? ['selinux=0'] : []),
    formatComposefsArgument(sources.composefs),
    ...extra,
    ...sources.image,
  ];
  const deletes = sources.deletes.flatMap(parseKernelArguments);
  for (const unwanted of deletes) {
    if (isSameKernelArgument(splitKernelArgument(unwanted).key, composefsKey)) {
      throw new CodedError('KARG_DELETE_REFUSED', `the kernel argument ${unwanted} cannot be deleted`, {
        hint: 'it names the deployment to boot; take it out of --karg-delete and of karg-deletes',
      });
    }
  }
  return addKernelArguments([], added).filter((arg) => !deletes.some((unwanted) => isDeleted(arg, unwanted)));
}

function isDeleted(arg: string, unwanted: string): boolean {
  const wantsWholeKey = splitKernelArgument(unwanted).value === undefined;
  return isSameKernelArgument(wantsWholeKey ? splitKernelArgument(arg).key : arg, unwanted);
}
