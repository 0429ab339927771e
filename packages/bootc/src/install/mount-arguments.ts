import { findKernelArgument, parseKernelArguments, splitKernelArgument } from '../boot/kernel-arguments.ts';
import type { MountArguments } from './installed-kernel-arguments.ts';

/** How the installed system finds its root. */
export interface RootArguments {
  /** Value of `root=`; absent: there is none. */
  rootSpec?: string;
  /** Arguments that belong to it. */
  root: readonly string[];
}

/** How the installed system mounts `/boot`. */
export interface BootMount {
  /** `UUID=…`, a device, …. */
  source: string;
  /** `auto` where nobody says. */
  filesystem: string;
  options: readonly string[];
}

/**
 * How a root file system is found: as is asked for, where the empty text means that it finds itself; else by its UUID.
 *
 * @param subvolume the mounted subvolume of btrfs.
 */
export function rootArguments(asked: string | undefined, found: { uuid: string; subvolume?: string }): RootArguments {
  if (asked === '') return { root: [] };
  const flags = found.subvolume === undefined ? [] : [`rootflags=subvol=${found.subvolume}`];
  return { rootSpec: asked ?? `UUID=${found.uuid}`, root: flags };
}

/**
 * How the running system finds its root, by its kernel command line; for an installation that takes its place. Undefined
 * when the command line does not tell.
 */
export function rootArgumentsOfCommandLine(commandLine: string): RootArguments | undefined {
  const args = parseKernelArguments(commandLine);
  const rootSpec = findKernelArgument(args, 'root');
  if (rootSpec === undefined) return undefined;
  const belongs = ({ key }: { key: string }): boolean => key === 'rootflags' || key.startsWith('rd.');
  return { rootSpec, root: args.filter((arg) => belongs(splitKernelArgument(arg))) };
}

/**
 * How `/boot` is mounted: as is asked for, where the empty text means not at all; else as the target's fstab(5) says if that
 * goes by UUID; else by the UUID of what is mounted there.
 */
export function findBootMount(sources: {
  asked: string | undefined;
  fstab: string | undefined;
  mountedUuid: string | undefined;
}): BootMount | undefined {
  const { asked, mountedUuid } = sources;
  if (asked === '') return undefined;
  if (asked !== undefined) return { source: asked, filesystem: 'auto', options: [] };
  const line = (sources.fstab ?? '')
    .split('\n')
    .map((text) => text.trim().split(/\s+/))
    .find(([source, path]) => source?.startsWith('UUID=') === true && path === '/boot');
  if (line !== undefined) {
    const [source, , filesystem = 'auto', options = 'defaults'] = line;
    return { source: source!, filesystem, options: options.split(',').filter((option) => option !== 'defaults') };
  }
  return mountedUuid === undefined ? undefined : { source: `UUID=${mountedUuid}`, filesystem: 'auto', options: [] };
}

/** The kernel arguments for root and `/boot`, which is always mounted read-only (systemd-fstab-generator(8)). */
export function mountArguments(root: RootArguments, boot: BootMount | undefined): MountArguments {
  if (boot === undefined) return { root: root.root, boot: [], extra: [] };
  const options = [...boot.options.filter((option) => option !== 'rw' && option !== 'ro'), 'ro'].join(',');
  return {
    root: root.root,
    boot: [`boot=${boot.source}`],
    extra: [`systemd.mount-extra=${boot.source}:/boot:${boot.filesystem}:${options}`],
  };
}
